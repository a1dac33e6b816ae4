/**
 * As razões entre sistemas que docs/desempenho.md dá: todos no ar, um de cada vez a trabalhar, em
 * fatias curtas e alternadas, e tudo começado de novo algumas vezes, com a ordem trocada. Numa
 * máquina cujo ritmo varia até ao dobro de um minuto para o outro, é o que se pode comparar; a tabela
 * de `deno task bench`, em que cada sistema tem o seu momento, diz pouco mais do que a grandeza.
 *
 * Escreve, de cada carga, o quociente entre dois sistemas: a média geométrica de todas as fatias, e
 * entre parênteses a de cada começo, da menor à maior.
 *
 * ```sh
 * deno task bench:pares                        # uns 15 minutos
 * deno task bench:pares --comecos=1 --cargas=D
 * ```
 *
 * @module
 */

import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { lerOpcoes } from "../tests/apoio.ts";
import { type Grupo, type Medida, medir, type Operador, pedidosDe, type Sistema } from "./carga.ts";
import { esqueleto, este, PISO } from "./nossos.ts";
import { OUTROS } from "./outros.ts";

const FATIA = { ms: 400, aquecer: 50 };
const ACORDAR = { ms: 1_500, aquecer: 0 };

const [falador, calado] = [este(false), este(true)];
const [esqueletoFalador, esqueletoCalado] = [esqueleto(false), esqueleto(true)];
const outro = (nome: string) => OUTROS.find((sistema) => sistema.nome === nome)!;
const [redis, nats] = [outro("Redis+WAIT"), outro("NATS")];

type Campo = "porSegundo" | "p50" | "cpuDosNos" | "cpuDeQuemPede";
type Operacao = "PUT" | "GET";

/** O que se pede a todos, e os quocientes que interessam: de quem, por quem. */
interface Carga {
  readonly operacoes: readonly Operacao[];
  readonly poucas: boolean;
  readonly c: number;
  readonly bytes: number;
  readonly duravel: boolean;
  readonly sistemas: readonly Sistema[];
  readonly campos: readonly Campo[];
}

const nossos = [falador, calado, esqueletoFalador, esqueletoCalado];
const CARGAS: { readonly [nome: string]: Carga } = {
  A: {
    ...{ operacoes: ["PUT", "GET"], poucas: true, c: 64, bytes: 100, duravel: false },
    sistemas: [...nossos, PISO, redis, nats],
    campos: ["porSegundo", "cpuDosNos", "cpuDeQuemPede"],
  },
  B: {
    ...{ operacoes: ["PUT", "GET"], poucas: false, c: 64, bytes: 100, duravel: false },
    sistemas: [...nossos, redis],
    campos: ["porSegundo"],
  },
  C: {
    ...{ operacoes: ["PUT"], poucas: false, c: 64, bytes: 100, duravel: true },
    sistemas: [falador, esqueletoFalador, redis],
    campos: ["porSegundo"],
  },
  D: {
    ...{ operacoes: ["PUT", "GET"], poucas: true, c: 1, bytes: 100, duravel: false },
    sistemas: [...nossos, PISO, redis, nats],
    campos: ["porSegundo", "p50"],
  },
  E: {
    ...{ operacoes: ["PUT", "GET"], poucas: true, c: 16, bytes: 10_000, duravel: false },
    sistemas: [...nossos, redis],
    campos: ["porSegundo"],
  },
};

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
const media = (razoes: readonly number[]) =>
  Math.exp(razoes.reduce((soma, r) => soma + Math.log(r), 0) / razoes.length);

/** De cada operação e de cada sistema, uma medida por fatia. */
type Medidas = { [operacao in Operacao]?: Medida[][] };

/** Começa os sistemas todos, e mede-os em fatias alternadas; `roda` troca a ordem deles. */
async function umComeco(carga: Carga, fatias: number, roda: number): Promise<Medidas> {
  const { operacoes, poucas, c, bytes, duravel, sistemas } = carga;
  const pasta = await Deno.makeTempDir({ prefix: "bench-" });
  const { fazer, encher } = pedidosDe(bytes);
  const medidas: Medidas = {};
  {
    await using tudo = new AsyncDisposableStack();
    const grupos: { grupo: Grupo; operadores: readonly Operador[] }[] = [];
    for (const [n, sistema] of sistemas.entries()) {
      await Deno.mkdir(`${pasta}/${n}`);
      const grupo = tudo.use(await sistema.iniciar(`${pasta}/${n}`, duravel));
      const { operadores } = tudo.use(await grupo.ligar(c, poucas));
      await encher(operadores);
      grupos.push({ grupo, operadores });
    }
    for (const operacao of operacoes) {
      const medirUm = (n: number, tempos: typeof FATIA) =>
        medir(grupos[n]!.operadores, fazer[operacao], grupos[n]!.grupo, tempos);
      const destas: Medida[][] = medidas[operacao] = grupos.map(() => []);
      for (const n of grupos.keys()) await medirUm(n, ACORDAR);
      for (let fatia = 0; fatia < fatias; fatia++) {
        for (const i of grupos.keys()) {
          const n = (i + fatia + roda) % grupos.length;
          destas[n]!.push(await medirUm(n, FATIA));
        }
      }
    }
  }
  await Deno.remove(pasta, { recursive: true });
  return medidas;
}

/** Quem se compara com quem, por número: os nossos com cada um dos outros, e o falador com o calado. */
function paresDe(sistemas: readonly Sistema[]): [de: number, por: number][] {
  const pares = sistemas.flatMap((_, de) => sistemas.map((_, por): [number, number] => [de, por]));
  return pares.filter(([de, por]) => {
    const [um, outro] = [sistemas[de]!, sistemas[por]!];
    return nossos.includes(um) &&
      (!nossos.includes(outro) || outro.nome.startsWith(`${um.nome} `));
  });
}

/** Os quocientes de uma carga, um por linha. */
function relatar(nome: string, carga: Carga, comecos: readonly Medidas[]): void {
  const { operacoes, poucas, c, bytes, duravel, sistemas, campos } = carga;
  const como = `${poucas ? "poucas" : "uma por operário"}, C=${c}, ${bytes} bytes` +
    (duravel ? ", em disco" : "");
  const medidos = operacoes.flatMap((operacao) => campos.map((campo) => ({ operacao, campo })));
  for (const { operacao, campo } of medidos) {
    for (const [de, por] of paresDe(sistemas)) {
      const razoes = comecos.map((medidas) => {
        const fatias = medidas[operacao]!;
        return fatias[de]!.map((fatia, n) => fatia[campo] / fatias[por]![n]![campo]);
      });
      const deCada = razoes.map(media).sort((a, b) => a - b);
      const [menor, maior] = [deCada[0]!, deCada.at(-1)!].map((r) => r.toFixed(2));
      escrever(
        `${nome}: ${operacao}, ${como}, ${campo}: ${sistemas[de]!.nome} ÷ ${sistemas[por]!.nome}` +
          ` = ${media(razoes.flat()).toFixed(2)} (${menor} a ${maior})`,
      );
    }
  }
}

if (import.meta.main) {
  const { comecos, fatias, quais } = lerOpcoes(
    "bench:pares [--comecos=N] [--fatias=N] [--cargas=A,B]",
    { textos: ["comecos", "fatias", "cargas"], sinais: [] },
    (lidos) => ({
      comecos: lerOpcao(lidos, "comecos", inteiroEntre(1, 100)) ?? 3,
      fatias: lerOpcao(lidos, "fatias", inteiroEntre(1, 1000)) ?? 8,
      quais: lerOpcao(lidos, "cargas", (texto) =>
        texto.split(",").map((nome) => {
          if (!CARGAS[nome]) throw new RangeError(`"${nome}" não é uma de: A, B, C, D, E`);
          return nome;
        })) ?? Object.keys(CARGAS),
    }),
  );
  for (const { nome, falta } of [redis, nats]) {
    const motivo = await falta();
    if (motivo) throw new Error(`${nome}: ${motivo}`);
  }
  for (const nome of quais) {
    const feitos: Medidas[] = [];
    for (let n = 0; n < comecos; n++) feitos.push(await umComeco(CARGAS[nome]!, fatias, n));
    relatar(nome, CARGAS[nome]!, feitos);
  }
  escrever(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} processadores`);
  Deno.exit(0);
}
