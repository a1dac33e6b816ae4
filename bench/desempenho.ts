/**
 * Quantos pedidos por segundo, e quanto demora cada um, ao lado do que o Deno
 * consegue (o piso), do que esta forma permite (o esqueleto) e do que se usaria em vez
 * deste programa?
 *
 * O teto, antes de medir: um pedido sozinho custa duas escritas, duas leituras e
 * acordar dois processos; um PUT encaminhado passa por quatro processos e cinco
 * threads. Com muitos em curso numa conexão, o custo de uma escrita reparte-se por
 * todos os que ela leva, e sobra o do JSON: um `parse` e um `stringify` em cada ponta.
 * Em disco, cada lote espera por uma sincronização em três processos.
 *
 * Com um value grande, o custo por pedido é o de o copiar: um JSON em cada ponta, e um PUT
 * vai três vezes pela rede (quatro, encaminhado).
 *
 * Laço fechado, 1000 keys, values de 100 bytes, as linhas dos pedidos num arquivo; com C=16 e
 * poucas conexões, na memória, também values de 10 e de 100 kB, estes em 100 keys. Cada
 * sistema sozinho na máquina; repete tudo e fica com as medianas.
 *
 * ```sh
 * deno task bench                     # tudo, perto de uma hora
 * deno task bench --repeticoes=1 --segundos=1 --sistemas=este,piso --c=64
 * deno task bench --repeticoes=1 --sistemas=este,NATS --modos=memória --c=16 --bytes=100,50000
 * ```
 *
 * Com `--gravar`, escreve `docs/desempenho.csv` e `docs/desempenho.svg`.
 *
 * @module
 */

import { inteiroEntre, lerOpcao } from "../lib/opcoes.ts";
import { lerOpcoes, RAIZ } from "../tests/apoio.ts";
import { type Grupo, medir, type Operador, pedidosDe, type Sistema } from "./carga.ts";
import { desenhar, escreverCsv, type LinhaDoCsv } from "./grafico.ts";
import { esqueleto, este, PISO } from "./nossos.ts";
import { OUTROS } from "./outros.ts";

/** Os bytes de um value; com o primeiro mede-se tudo, com os outros só `COM_OS_MAIORES`. */
const TAMANHOS: readonly number[] = [100, 10_000, 100_000];
const COM_OS_MAIORES = { conexoes: "poucas", c: 16, modo: "memória" } as const;
/** Quanto se trabalha sem contar, antes de cada medida, em milissegundos. */
const AQUECER_MS = 1000;
/** Quanto se trabalha sem contar num grupo que acabou de começar, em medidas. */
const ACORDAR_VEZES = 2;
/** O que uma variante pode demorar além do que se mede; depois, conta como recusada. */
const PRAZO_MS = 60_000;
/** Sincronizações que medem o disco. */
const SINCRONIZACOES = 200;

const SISTEMAS: readonly Sistema[] = [
  este(false),
  este(true),
  esqueleto(false),
  esqueleto(true),
  PISO,
  ...OUTROS,
];
/** As variantes que em disco não diriam nada de novo. */
const SO_MEMORIA = ["piso", "este --silencioso", "esqueleto --silencioso"];
const OPERACOES = ["PUT", "GET"] as const;
const CONEXOES = ["poucas", "uma por operário"] as const;

const escrever = (texto: string) => Deno.stdout.writeSync(new TextEncoder().encode(texto + "\n"));

/** O que se mede: com que operação, como se liga, quantos operários, e values de quantos bytes. */
type Variante = Pick<LinhaDoCsv, "conexoes" | "c" | "bytes">;
/** O que se pediu na linha de comando, e o que algum sistema recusou. */
interface Corrida {
  readonly cs: readonly number[];
  readonly tamanhos: readonly number[];
  readonly ms: number;
  /** As variantes que algum sistema recusou, e porquê. */
  readonly recusas: Map<string, string>;
}

/** As variantes de um modo; os values maiores ficam para o fim, e não pesam nas outras medidas. */
function variantes({ cs, tamanhos }: Corrida, modo: LinhaDoCsv["modo"]): Variante[] {
  const [bytes, ...maiores] = tamanhos;
  const comuns = CONEXOES.flatMap((conexoes) => cs.map((c) => ({ conexoes, c, bytes: bytes! })));
  const { conexoes, c } = COM_OS_MAIORES;
  if (modo !== COM_OS_MAIORES.modo || !cs.includes(c)) return comuns;
  return [...comuns, ...maiores.map((bytes) => ({ conexoes, c, bytes }))];
}

/** Mede um grupo numa variante; lança se um pedido falha, ou se o prazo passa. */
async function medirVariante(
  grupo: Grupo,
  variante: Pick<LinhaDoCsv, "sistema" | "modo"> & Variante,
  ms: number,
): Promise<LinhaDoCsv[]> {
  const { modo, conexoes, c, bytes } = variante;
  const { fazer, encher } = pedidosDe(bytes);
  await using ligacao = await grupo.ligar(c, conexoes === "poucas");
  const { operadores } = ligacao;
  const trabalhar = async () => {
    const linhas: LinhaDoCsv[] = [];
    await encher(operadores);
    for (const operacao of modo === "disco" ? ["PUT"] as const : OPERACOES) {
      const medida = await medir(operadores, fazer[operacao], grupo, { ms, aquecer: AQUECER_MS });
      linhas.push({ ...variante, operacao, ...medida });
      escrever(texto(linhas.at(-1)!));
    }
    return linhas;
  };
  const prazo = Promise.withResolvers<never>();
  const limite = PRAZO_MS + 2 * (ms + AQUECER_MS);
  const relogio = setTimeout(() => prazo.reject(new Error(`mais de ${limite} ms`)), limite);
  try {
    return await Promise.race([trabalhar(), prazo.promise]);
  } finally {
    clearTimeout(relogio);
  }
}

/**
 * Põe um grupo a trabalhar antes da primeira medida. A JVM de ZooKeeper, sobretudo, leva
 * segundos a compilar o que mais usa: sem isto, os GETs de 10 kB, medidos depois, pareciam-lhe
 * duas vezes mais leves do que os de 100 bytes.
 */
async function acordar(grupo: Grupo, ms: number): Promise<void> {
  await using ligacao = await grupo.ligar(COM_OS_MAIORES.c, true);
  let vez = 0;
  const pedido = (operador: Operador) =>
    vez++ % 2 === 0 ? operador.put("acordar", "sim") : operador.get("acordar");
  await medir(ligacao.operadores, pedido, grupo, { ms, aquecer: 0 });
}

/** Mede um grupo em todas as variantes, até uma que não consiga: as outras não se tentam. */
async function medirGrupo(
  grupo: Grupo,
  onde: Pick<LinhaDoCsv, "sistema" | "modo">,
  corrida: Corrida,
): Promise<LinhaDoCsv[]> {
  const linhas: LinhaDoCsv[] = [];
  await acordar(grupo, ACORDAR_VEZES * corrida.ms);
  const todas = variantes(corrida, onde.modo);
  for (const [n, variante] of todas.entries()) {
    try {
      linhas.push(...await medirVariante(grupo, { ...onde, ...variante }, corrida.ms));
    } catch (erro) {
      for (const esta of todas.slice(n)) {
        const qual = descrever({ ...onde, ...esta, operacao: "—" });
        const motivo = esta === variante ? `${erro}`.split("\n")[0] : "vinha depois da que falhou";
        corrida.recusas.set(qual, `não medido: ${motivo}`);
        escrever(`${qual}  não medido: ${motivo}`);
      }
      break;
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
  " bytes",
  "  pedidos/s",
  "  p50 ms",
  "  p99 ms",
  "p99.9 ms",
  "µs nós",
  "µs cliente",
  "  MB",
];

/** As primeiras colunas de uma linha da tabela: o que se mediu. */
function descrever(
  { sistema, modo, operacao, conexoes, c, bytes }: Variante & {
    readonly sistema: string;
    readonly modo: string;
    readonly operacao: string;
  },
): string {
  const textos = [sistema, modo, operacao, conexoes].map((t, n) => t.padEnd(COLUNAS[n]!.length));
  const numeros = [c, bytes].map((v, n) => `${v}`.padStart(COLUNAS[n + 4]!.length));
  return [...textos, ...numeros].join(" ");
}

function texto(linha: LinhaDoCsv): string {
  const numeros = [
    [linha.porSegundo, 0],
    [linha.p50, 3],
    [linha.p99, 2],
    [linha.p999, 2],
    [linha.cpuDosNos, 1],
    [linha.cpuDeQuemPede, 1],
    [linha.memoria, 0],
  ] as const;
  const resto = numeros.map(([v, casas], n) => v.toFixed(casas).padStart(COLUNAS[n + 6]!.length));
  return [descrever(linha), ...resto].join(" ");
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
  const grupos = Object.groupBy(linhas, descrever);
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

/**
 * As razões entre este programa e os outros, na mesma corrida; sem com quem comparar, nada.
 * Onde não se diz o tamanho do value, é o menor.
 */
function razoes(linhas: readonly LinhaDoCsv[], tamanhos: readonly number[]): string[] {
  const [menor, ...maiores] = tamanhos;
  const valor = (
    sistema: string,
    campo: "porSegundo" | "p50" | "cpuDosNos",
    onde: string,
  ): number | undefined =>
    linhas.find((l) =>
      l.sistema === sistema &&
      [l.modo, l.operacao, l.conexoes, l.c].join(" ") +
            (l.bytes === menor ? "" : `, ${l.bytes} bytes`) === onde
    )?.[campo];
  const outros = OUTROS.map(({ nome }) => nome);
  const limites = ["esqueleto", "piso"];
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
      comparar(`memória ${operacao} ${conexoes} 64`, "porSegundo", [...outros, ...limites]);
    }
    comparar(`memória GET ${conexoes} 64`, "cpuDosNos", limites);
    comparar(`disco PUT ${conexoes} 64`, "porSegundo", [...outros, "esqueleto"]);
  }
  comparar("memória PUT poucas 1", "p50", [...outros, "esqueleto"]);
  comparar("memória GET poucas 1", "p50", [...outros, ...limites]);
  comparar("memória GET poucas 1", "cpuDosNos", limites);
  comparar("disco PUT poucas 1", "p50", outros);
  for (const operacao of OPERACOES) {
    comparar(`memória ${operacao} poucas 64`, "porSegundo", ["este --silencioso"]);
    const { modo, conexoes, c } = COM_OS_MAIORES;
    for (const bytes of maiores) {
      const onde = `${modo} ${operacao} ${conexoes} ${c}, ${bytes} bytes`;
      comparar(onde, "porSegundo", ["este --silencioso", ...limites, ...outros]);
    }
  }
  return textos;
}

/** Onde os dados ficam. */
const MODOS: readonly string[] = ["memória", "disco"];

/** Mede um sistema, começado de novo, numa pasta nova. */
async function medirSistema(
  sistema: Sistema,
  modo: LinhaDoCsv["modo"],
  corrida: Corrida,
): Promise<LinhaDoCsv[]> {
  const pasta = await Deno.makeTempDir({ prefix: "bench-" });
  try {
    await using grupo = await sistema.iniciar(pasta, modo === "disco");
    return await medirGrupo(grupo, { sistema: sistema.nome, modo }, corrida);
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
  const { repeticoes, nomes, modos, gravar, ...opcoes } = lerOpcoes(
    "bench [--segundos=N] [--repeticoes=N] [--sistemas=A,B] [--modos=M,M] [--c=N,N] " +
      "[--bytes=N,N] [--gravar]",
    { textos: ["segundos", "repeticoes", "sistemas", "modos", "c", "bytes"], sinais: ["gravar"] },
    (lidos) => ({
      ms: (lerOpcao(lidos, "segundos", inteiroEntre(1, 600)) ?? 3) * 1000,
      repeticoes: lerOpcao(lidos, "repeticoes", inteiroEntre(1, 100)) ?? 3,
      cs: lerOpcao(lidos, "c", lista(inteiroEntre(1, 100_000))) ?? [1, 16, 64, 512],
      tamanhos: lerOpcao(lidos, "bytes", lista(inteiroEntre(1, 10_000_000)))
        ?.sort((a, b) => a - b) ?? TAMANHOS,
      nomes: lerOpcao(lidos, "sistemas", lista(um(SISTEMAS.map(({ nome }) => nome)))),
      modos: lerOpcao(lidos, "modos", lista(um(MODOS))) ?? MODOS,
      gravar: lidos.opcoes.gravar !== undefined,
    }),
  );
  const corrida: Corrida = { ...opcoes, recusas: new Map() };
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
        medidas.push(...await medirSistema(sistema, "memória", corrida));
      }
      if (!modos.includes("disco") || SO_MEMORIA.includes(sistema.nome)) continue;
      if (sistema.semDisco) escrever(`${sistema.nome}, em disco: ${sistema.semDisco}`);
      else medidas.push(...await medirSistema(sistema, "disco", corrida));
    }
  }
  const linhas = medianas(medidas);
  escrever(`\nMedianas de ${repeticoes} repetições\n${COLUNAS.join(" ")}`);
  for (const linha of linhas) escrever(texto(linha));
  for (const [qual, motivo] of corrida.recusas) escrever(`${qual}  ${motivo}`);
  escrever("\nRazões");
  razoes(linhas, corrida.tamanhos).forEach(escrever);
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
