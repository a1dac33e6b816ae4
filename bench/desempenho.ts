/**
 * Quantos pedidos por segundo, e quanto demora cada um, ao lado do que o Deno
 * consegue (o piso) e do que se usaria em vez deste programa?
 *
 * O teto, antes de medir: um pedido sozinho custa duas escritas, duas leituras e
 * acordar dois processos; um PUT encaminhado passa por quatro processos e cinco
 * threads. Com muitos em curso numa conexão, o custo de uma escrita reparte-se por
 * todos os que ela leva, e sobra o do JSON: um `parse` e um `stringify` em cada ponta.
 * Em disco, cada lote espera por uma sincronização em três processos.
 *
 * Laço fechado, 1000 keys, values de 100 bytes, as linhas dos pedidos num arquivo.
 * Cada sistema sozinho na máquina; repete tudo e fica com as medianas.
 *
 * ```sh
 * deno task bench                     # tudo, perto de meia hora
 * deno task bench --repeticoes=1 --segundos=1 --sistemas=este,piso --c=64
 * ```
 *
 * Com `--gravar`, escreve `docs/desempenho.csv` e `docs/desempenho.svg`.
 *
 * @module
 */

import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { lerOpcoes, RAIZ } from "../tests/apoio.ts";
import { type Grupo, medir, type Operador, type Sistema } from "./carga.ts";
import { desenhar, escreverCsv, type LinhaDoCsv } from "./grafico.ts";
import { este, PISO } from "./nossos.ts";
import { OUTROS } from "./outros.ts";

/** As keys, o value, e os PUTs ao mesmo tempo ao encher a tabela. */
const KEYS = 1000;
const VALUE = "x".repeat(100);
const ENCHER = 50;
/** Quanto se trabalha sem contar, antes de cada medida, em milissegundos. */
const AQUECER_MS = 1000;
/** Sincronizações que medem o disco. */
const SINCRONIZACOES = 200;

const SISTEMAS: readonly Sistema[] = [este(false), este(true), PISO, ...OUTROS];
/** As variantes que em disco não diriam nada de novo. */
const SO_MEMORIA = ["piso", "este --silencioso"];
const OPERACOES = ["PUT", "GET"] as const;
const CONEXOES = ["poucas", "uma por operário"] as const;

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));
const key = () => `key${Math.floor(Math.random() * KEYS)}`;
const fazer = {
  PUT: (operador: Operador) => operador.put(key(), VALUE),
  GET: (operador: Operador) => operador.get(key()),
};

async function encher(operadores: readonly Operador[]): Promise<void> {
  for (let n = 0; n < KEYS; n += ENCHER) {
    const destes = Array.from({ length: ENCHER }, (_, i) => n + i);
    await Promise.all(
      destes.map((i) => operadores[i % operadores.length]!.put(`key${i}`, VALUE)),
    );
  }
}

/** Mede um grupo em todas as variantes. */
async function medirGrupo(
  grupo: Grupo,
  { sistema, modo }: Pick<LinhaDoCsv, "sistema" | "modo">,
  { cs, ms }: { cs: readonly number[]; ms: number },
): Promise<LinhaDoCsv[]> {
  const linhas: LinhaDoCsv[] = [];
  for (const conexoes of CONEXOES) {
    for (const c of cs) {
      await using ligacao = await grupo.ligar(c, conexoes === "poucas");
      const { operadores } = ligacao;
      await encher(operadores);
      for (const operacao of modo === "disco" ? ["PUT"] as const : OPERACOES) {
        const opcoes = { ms, aquecer: AQUECER_MS };
        const medida = await medir(operadores, fazer[operacao], grupo, opcoes);
        linhas.push({ sistema, modo, operacao, conexoes, c, ...medida });
        escrever(texto(linhas.at(-1)!));
      }
    }
  }
  return linhas;
}

const COLUNAS = [
  "sistema".padEnd(17),
  "modo   ",
  "op ",
  "conexões        ",
  "  C",
  "  pedidos/s",
  "  p50 ms",
  "  p99 ms",
  "p99.9 ms",
  "µs nós",
  "µs cliente",
  "  MB",
];

function texto(linha: LinhaDoCsv): string {
  const { sistema, modo, operacao, conexoes, c, porSegundo, p50, p99, p999 } = linha;
  const campos = [sistema, modo, operacao, conexoes].map((t, n) => t.padEnd(COLUNAS[n]!.length));
  const numeros = [
    [c, 0],
    [porSegundo, 0],
    [p50, 3],
    [p99, 2],
    [p999, 2],
    [linha.cpuDosNos, 1],
    [linha.cpuDeQuemPede, 1],
    [linha.memoria, 0],
  ] as const;
  const resto = numeros.map(([v, casas], n) => v.toFixed(casas).padStart(COLUNAS[n + 4]!.length));
  return [...campos, ...resto].join(" ");
}

/** Sincronizações por segundo de um arquivo na pasta, com uma escrita pequena antes de cada uma. */
async function sincronizacoes(pasta: string): Promise<number> {
  await using arquivo = await Deno.open(`${pasta}/sync`, { write: true, create: true });
  const bytes = new Uint8Array(512);
  const inicio = performance.now();
  for (let n = 0; n < SINCRONIZACOES; n++) {
    await arquivo.write(bytes);
    await arquivo.syncData();
  }
  return SINCRONIZACOES / (performance.now() - inicio) * 1000;
}

/** A mediana de cada variante, campo a campo. */
function medianas(linhas: readonly LinhaDoCsv[]): LinhaDoCsv[] {
  const grupos = Object.groupBy(
    linhas,
    ({ sistema, modo, operacao, conexoes, c }) => [sistema, modo, operacao, conexoes, c].join(),
  );
  return Object.values(grupos).map((grupo) => {
    const mediana = (campo: keyof LinhaDoCsv) => {
      const valores = grupo!.map((linha) => linha[campo] as number).sort((a, b) => a - b);
      return valores[Math.floor(valores.length / 2)]!;
    };
    const campos = ["porSegundo", "p50", "p99", "p999", "cpuDosNos", "cpuDeQuemPede", "memoria"];
    return {
      ...grupo![0]!,
      ...Object.fromEntries(campos.map((c) => [c, mediana(c as keyof LinhaDoCsv)])),
    };
  });
}

/** As razões entre este programa e os outros, na mesma corrida; sem com quem comparar, nada. */
function razoes(linhas: readonly LinhaDoCsv[]): string[] {
  const valor = (
    sistema: string,
    campo: "porSegundo" | "p50" | "cpuDosNos",
    onde: string,
  ): number | undefined =>
    linhas.find((l) =>
      l.sistema === sistema && [l.modo, l.operacao, l.conexoes, l.c].join(" ") === onde
    )?.[campo];
  const outros = OUTROS.map(({ nome }) => nome);
  const textos: string[] = [];
  const comparar = (
    onde: string,
    campo: "porSegundo" | "p50" | "cpuDosNos",
    com: readonly string[],
  ) => {
    const meu = valor("este", campo, onde);
    for (const sistema of com) {
      const dele = valor(sistema, campo, onde);
      if (meu === undefined || dele === undefined) continue;
      textos.push(
        `${onde}, ${campo}: ${(meu / dele).toFixed(2)} × ${sistema} ` +
          `(${meu.toFixed(meu < 100 ? 2 : 0)} / ${dele.toFixed(dele < 100 ? 2 : 0)})`,
      );
    }
  };
  for (const conexoes of CONEXOES) {
    for (const operacao of OPERACOES) {
      comparar(`memória ${operacao} ${conexoes} 64`, "porSegundo", [...outros, "piso"]);
    }
    comparar(`memória GET ${conexoes} 64`, "cpuDosNos", ["piso"]);
    comparar(`disco PUT ${conexoes} 64`, "porSegundo", outros);
  }
  comparar("memória PUT poucas 1", "p50", outros);
  comparar("memória GET poucas 1", "p50", [...outros, "piso"]);
  comparar("memória GET poucas 1", "cpuDosNos", ["piso"]);
  comparar("disco PUT poucas 1", "p50", outros);
  for (const operacao of OPERACOES) {
    comparar(`memória ${operacao} poucas 64`, "porSegundo", ["este --silencioso"]);
  }
  return textos;
}

/** Onde os dados ficam. */
const MODOS: readonly string[] = ["memória", "disco"];

/** Mede um sistema, começado de novo, numa pasta nova. */
async function medirSistema(
  sistema: Sistema,
  modo: LinhaDoCsv["modo"],
  opcoes: { cs: readonly number[]; ms: number },
): Promise<LinhaDoCsv[]> {
  const pasta = await Deno.makeTempDir({ prefix: "bench-" });
  try {
    await using grupo = await sistema.iniciar(pasta, modo === "disco");
    return await medirGrupo(grupo, { sistema: sistema.nome, modo }, opcoes);
  } catch (erro) {
    escrever(`${sistema.nome}, em ${modo}: não medido: ${erro}`);
    return [];
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
}

if (import.meta.main) {
  const lista = <T>(ler: (item: string) => T) => (texto: string) => texto.split(",").map(ler);
  const um = (conhecidos: readonly string[]) => (nome: string) => {
    if (conhecidos.includes(nome)) return nome;
    throw new RangeError(`"${nome}" não é nenhum de: ${conhecidos.join(", ")}`);
  };
  const { ms, repeticoes, cs, nomes, modos, gravar } = lerOpcoes(
    "bench [--segundos=N] [--repeticoes=N] [--sistemas=A,B] [--modos=M,M] [--c=N,N] [--gravar]",
    { textos: ["segundos", "repeticoes", "sistemas", "modos", "c"], sinais: ["gravar"] },
    (lidos) => ({
      ms: (lerOpcao(lidos, "segundos", inteiroEntre(1, 600)) ?? 3) * 1000,
      repeticoes: lerOpcao(lidos, "repeticoes", inteiroEntre(1, 100)) ?? 3,
      cs: lerOpcao(lidos, "c", lista(inteiroEntre(1, 100_000))) ?? [1, 16, 64, 512],
      nomes: lerOpcao(lidos, "sistemas", lista(um(SISTEMAS.map(({ nome }) => nome)))),
      modos: lerOpcao(lidos, "modos", lista(um(MODOS))) ?? MODOS,
      gravar: lidos.opcoes.gravar !== undefined,
    }),
  );
  const medidas: LinhaDoCsv[] = [];
  const presentes: Sistema[] = [];
  for (const sistema of SISTEMAS) {
    if (nomes && !nomes.includes(sistema.nome)) continue;
    const falta = await sistema.falta();
    if (falta) escrever(`${sistema.nome}: não medido: ${falta}`);
    else presentes.push(sistema);
  }
  escrever(COLUNAS.join(" "));
  for (let n = 0; n < repeticoes; n++) {
    for (const sistema of presentes) {
      if (modos.includes("memória")) {
        medidas.push(...await medirSistema(sistema, "memória", { cs, ms }));
      }
      if (!modos.includes("disco") || SO_MEMORIA.includes(sistema.nome)) continue;
      if (sistema.semDisco) escrever(`${sistema.nome}, em disco: ${sistema.semDisco}`);
      else medidas.push(...await medirSistema(sistema, "disco", { cs, ms }));
    }
  }
  const linhas = medianas(medidas);
  escrever(`\nMedianas de ${repeticoes} repetições\n${COLUNAS.join(" ")}`);
  for (const linha of linhas) escrever(texto(linha));
  escrever("\nRazões");
  razoes(linhas).forEach(escrever);
  const pasta = await Deno.makeTempDir({ prefix: "bench-" });
  escrever(`\n${Math.round(await sincronizacoes(pasta))} sincronizações por segundo do disco`);
  await Deno.remove(pasta, { recursive: true });
  escrever(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} processadores`);
  if (gravar) {
    await Deno.writeTextFile(new URL("docs/desempenho.csv", RAIZ), escreverCsv(linhas));
    await Deno.writeTextFile(new URL("docs/desempenho.svg", RAIZ), await desenhar(linhas));
  }
  Deno.exit(0);
}
