/**
 * A carga de um banco de provas: C operários, cada um espera a resposta do seu
 * pedido antes do próximo (laço fechado), e o que se conta deles: pedidos por
 * segundo, quantis da demora, processador e memória de cada processo.
 *
 * @module
 */

/** Um sistema a medir: três nós, ou quantos tiver, na mesma máquina. */
export interface Sistema {
  readonly nome: string;
  /** Por que não pode ser medido aqui (falta um programa); `undefined`, pode. */
  falta(): Promise<string | undefined>;
  /** Por que não se mede durável (`iniciar` recusa); ausente, mede-se. */
  readonly semDisco?: string;
  /** Começa os nós, vazios, com o que gravam em `pasta`; pronto quando os três aceitam pedidos. */
  iniciar(pasta: string, duravel: boolean): Promise<Grupo>;
}

/** Os nós de um sistema, a trabalhar. */
export interface Grupo extends AsyncDisposable {
  /** O processo de cada nó. */
  readonly processos: readonly { nome: string; pid: number }[];
  /**
   * Liga os operários. `poucas`: uma conexão com cada nó, de todos eles; senão, uma
   * conexão para cada operário, repartidas pelos nós. Devolve o que cada um usa.
   */
  ligar(operarios: number, poucas: boolean): Promise<Ligacao>;
}

/** As conexões dos operários com um grupo. */
export interface Ligacao extends AsyncDisposable {
  /** Um por operário; pode ser o mesmo objeto para todos. */
  readonly operadores: readonly Operador[];
}

/** Quem faz um pedido e espera por ele; lança se a resposta não é a esperada. */
export interface Operador {
  /** Grava e espera a confirmação de todos os nós (ou da maioria, onde é o que há). */
  put(key: string, value: string): Promise<unknown>;
  /** Lê de um nó qualquer. */
  get(key: string): Promise<unknown>;
}

/** O resultado de uma medida. */
export interface Medida {
  readonly pedidos: number;
  readonly porSegundo: number;
  /** Quantis da demora, em milissegundos. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Segundos de processador por milhão de pedidos (µs por pedido): dos nós, e de quem pede. */
  readonly cpuDosNos: number;
  readonly cpuDeQuemPede: number;
  /** MB residentes do maior nó, ao fim. */
  readonly memoria: number;
}

/** As palavras dos values: texto que se parece com o de gente, e que não se comprime num nada. */
const PALAVRAS =
  ("o servidor guarda cada value em tres lugares e responde 42 quando Ana pergunta por " +
    "pedidos atrasados da loja 7 em Santos, mas o lote de 1998 ficou na rede entre Recife e Lisboa; " +
    "nenhum cliente soube qual copia era a mais nova (nem porque) ate ler o relatorio de marco")
    .split(" ");

/**
 * Um value de tantos bytes: palavras ASCII sorteadas, sempre as mesmas.
 *
 * ```ts
 * import { fazerValue } from "./carga.ts";
 *
 * const value = fazerValue(1000);
 * if (value.length !== 1000 || value !== fazerValue(1000)) throw new Error("não é o mesmo");
 * ```
 */
export function fazerValue(bytes: number): string {
  let sorte = 1;
  const palavras: string[] = [];
  for (let tem = 0; tem < bytes; tem += palavras.at(-1)!.length + 1) {
    // Os números de Park e Miller: os mesmos em qualquer máquina.
    sorte = sorte * 48_271 % 2_147_483_647;
    palavras.push(PALAVRAS[sorte % PALAVRAS.length]!);
  }
  return palavras.join(" ").slice(0, bytes).padEnd(bytes, ".");
}

/** As keys, e os bytes de todos os values, no máximo: com values grandes, há menos keys. */
const KEYS = 1000;
const TABELA_BYTES_MAX = 10_000_000;
/** Os PUTs ao mesmo tempo ao encher a tabela. */
const ENCHER = 50;

/** Os pedidos que se medem com values de tantos bytes, de uma key ao acaso; e como se enche a tabela delas. */
export function pedidosDe(bytes: number) {
  const value = fazerValue(bytes);
  const keys = Math.max(1, Math.min(KEYS, Math.floor(TABELA_BYTES_MAX / bytes)));
  const key = () => `key${Math.floor(Math.random() * keys)}`;
  return {
    fazer: {
      PUT: (operador: Operador) => operador.put(key(), value),
      GET: (operador: Operador) => operador.get(key()),
    },
    async encher(operadores: readonly Operador[]): Promise<void> {
      for (let n = 0; n < keys; n += ENCHER) {
        const destes = Array.from({ length: Math.min(ENCHER, keys - n) }, (_, i) => n + i);
        await Promise.all(
          destes.map((i) => operadores[i % operadores.length]!.put(`key${i}`, value)),
        );
      }
    },
  };
}

/** Tiques de relógio por segundo em /proc (sempre 100 no Linux de hoje). */
const TIQUES = 100;

/** Segundos de processador que um processo já gastou; zero onde não há /proc. */
export function processador(pid: number | "self"): number {
  try {
    const texto = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const campos = texto.slice(texto.lastIndexOf(")") + 2).split(" ");
    return (Number(campos[11]) + Number(campos[12])) / TIQUES;
  } catch {
    return 0;
  }
}

/** Bytes residentes de um processo; zero onde não há /proc. */
export function residente(pid: number): number {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * 4096;
  } catch {
    return 0;
  }
}

/**
 * Faz os operários trabalharem por `ms` milissegundos (depois de `aquecer` sem
 * contar) e mede.
 */
export async function medir(
  operadores: readonly Operador[],
  pedido: (operador: Operador) => Promise<unknown>,
  grupo: Pick<Grupo, "processos">,
  { ms, aquecer }: { ms: number; aquecer: number },
): Promise<Medida> {
  let demoras: number[] = [];
  let acabou = false;
  const tarefas = operadores.map(async (operador) => {
    while (!acabou) {
      const inicio = performance.now();
      await pedido(operador);
      demoras.push(performance.now() - inicio);
    }
  });
  const falhou = Promise.all(tarefas);
  const esperar = async (ms: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const relogio = setTimeout(resolve, ms);
    await Promise.race([falhou, promise]).finally(() => clearTimeout(relogio));
  };
  const gasto = () => ({
    nos: grupo.processos.reduce((soma, { pid }) => soma + processador(pid), 0),
    meu: processador("self"),
    agora: performance.now(),
  });
  const trabalhar = async () => {
    await esperar(aquecer);
    demoras = [];
    const antes = gasto();
    await esperar(ms);
    return { antes, depois: gasto(), contados: demoras };
  };
  // Se um falha, os outros também não recomeçam.
  const { antes, depois, contados } = await trabalhar().finally(() => acabou = true);
  await falhou;
  const ordem = Float64Array.from(contados).sort();
  const quantil = (q: number) => ordem[Math.min(ordem.length - 1, Math.floor(ordem.length * q))]!;
  const porPedido = (segundos: number) => segundos / contados.length * 1e6;
  return {
    pedidos: contados.length,
    porSegundo: contados.length / (depois.agora - antes.agora) * 1000,
    p50: quantil(0.5),
    p99: quantil(0.99),
    p999: quantil(0.999),
    cpuDosNos: porPedido(depois.nos - antes.nos),
    cpuDeQuemPede: porPedido(depois.meu - antes.meu),
    memoria: Math.max(...grupo.processos.map(({ pid }) => residente(pid))) / 1e6,
  };
}
