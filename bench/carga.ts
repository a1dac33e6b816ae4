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
  const esperar = (ms: number) =>
    Promise.race([falhou, new Promise((resolver) => setTimeout(resolver, ms))]);
  const gasto = () => ({
    nos: grupo.processos.reduce((soma, { pid }) => soma + processador(pid), 0),
    meu: processador("self"),
    agora: performance.now(),
  });
  await esperar(aquecer);
  demoras = [];
  const antes = gasto();
  await esperar(ms);
  const depois = gasto();
  const contados = demoras;
  acabou = true;
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
