/**
 * O plano de uma corrida da bancada de falhas, e o que ela mostra. As falhas são sorteadas
 * aqui, com todos os seus números, antes de acontecerem: a mesma semente dá as mesmas.
 *
 * @module
 */

import type { Sorteio } from "./acaso.ts";
import type { Engole, Retransmissor } from "./retransmissor.ts";
import type { Historia } from "./verificador.ts";

/** Prazo de um PUT nos servidores da bancada, em milissegundos. */
export const PRAZO_MS = 2_000;

/** Além do prazo, o que se dá a uma máquina ocupada antes de dizer que um pedido pendeu. */
export const FOLGA_MS = 3_000;

/** A maior pausa de um servidor, e o maior silêncio da rede, em milissegundos. */
export const LONGE_MS_MAX = 8_000;

/** Se este sistema pausa processos: o Windows não tem SIGSTOP nem SIGCONT. */
export const PODE_PAUSAR = Deno.build.os !== "windows";

/** O plano de uma corrida. */
export interface Plano {
  readonly semente: number;
  readonly segundos: number;
  readonly emDisco: boolean;
  /** Se também se trocam as pastas de dados; só em disco. */
  readonly pastas?: boolean;
}

/**
 * O que fica no lugar da pasta de dados de um servidor morto: uma cópia mais velha sua, a que
 * se lhe tirou da última vez (de um futuro que os outros não tiveram), nada, ou a de outro.
 */
export type Troca = "antiga" | "tirada" | "vazia" | "alheia";

/** Uma falha, com tudo o que foi sorteado dela. */
export type Falha =
  & {
    /** Milissegundos antes dela. */
    readonly antes: number;
  }
  & (
    | {
      /** Mata servidores, todos de uma vez, e recomeça-os depois de `fora` milissegundos. */
      readonly tipo: "matar";
      readonly servidores: readonly number[];
      readonly fora: number;
    }
    | {
      /**
       * O líder insere PUTs que não chegam a ninguém, mostra-os a quem lhe pede, e morre
       * depois de `calado` milissegundos.
       */
      readonly tipo: "calar e matar";
      readonly calado: number;
    }
    | {
      /** Estraga um dos quatro retransmissores, durante `ms` milissegundos. */
      readonly tipo: "rede";
      readonly retransmissor: number;
      readonly nome: "atraso" | "corte" | "mudo" | "picado" | "ritmo";
      readonly estrago: Partial<Pick<Retransmissor, "atraso" | "mudo" | "picado" | "ritmo">>;
      readonly ms: number;
    }
    | Passageira & {
      /** Um elo some sem RST nem FIN: o que cada retransmissor passa a engolir. */
      readonly tipo: "engolir";
      readonly sentido: "ao líder" | "do líder" | "os dois sentidos";
      readonly engole: readonly (Engole | undefined)[];
    }
    | Passageira & {
      /** SIGSTOP, e depois SIGCONT: o processo fica como estava, e o mundo anda. */
      readonly tipo: "pausar";
      readonly servidor: number;
    }
    | Passageira & {
      /** O disco deixa de gravar; ver `congelarDisco`, em gelo.ts. */
      readonly tipo: "congelar";
      readonly servidor: number;
    }
    | {
      /** Mata um servidor, troca a sua pasta de dados, e recomeça-o. */
      readonly tipo: "trocar a pasta";
      readonly servidor: number;
      /**
       * Antes, por quanto se calam os outros; zero, nada. O que só o líder tinha fica na
       * pasta que se tira, e volta se ela for posta de novo: é outra história.
       */
      readonly calado: number;
      readonly fora: number;
      readonly por: Troca;
      /** Qual das cópias que houver, contando de novo do começo se não há tantas. */
      readonly copia: number;
    }
  );

/** Uma falha que passa por si. */
interface Passageira {
  readonly ms: number;
  /** Se nada mais acontece até que ela passe. */
  readonly esperar: boolean;
}

/**
 * As falhas de um plano, sem fim. Vêm de um saco que tem cada tipo tantas vezes quantas pesa, e
 * que só se enche de novo quando acaba: assim uma corrida curta as tem quase todas.
 */
export function* sortearFalhas(
  plano: Plano,
  sorteio: Sorteio,
  podePausar = PODE_PAUSAR,
): Generator<Falha> {
  const saco: readonly ((plano: Plano, sorteio: Sorteio) => Omit<Falha, "antes">)[] = [
    ...[matar, matar, calarEMatar, rede, rede, rede, engolir],
    ...(podePausar ? [pausa] : []),
    ...(plano.emDisco ? [gelo] : []),
    ...(plano.emDisco && plano.pastas ? [troca, troca, troca] : []),
  ];
  for (;;) {
    for (const sortear of sorteio.embaralhar(saco)) {
      yield { antes: sorteio.inteiro(50, 600), ...sortear(plano, sorteio) } as Falha;
    }
  }
}

type Sorteada<T extends Falha["tipo"]> = Omit<Extract<Falha, { tipo: T }>, "antes">;

function matar({ emDisco }: Plano, sorteio: Sorteio): Sorteada<"matar"> {
  // Na memória, um por vez: o que só um guardava morreria com ele. No disco, até os três.
  const quantos = emDisco ? sorteio.um([1, 1, 2, 3]) : 1;
  const servidores = sorteio.embaralhar([0, 1, 2]).slice(0, quantos);
  return { tipo: "matar", servidores, fora: sorteio.inteiro(0, 1200) };
}

function calarEMatar(_: Plano, sorteio: Sorteio): Sorteada<"calar e matar"> {
  return { tipo: "calar e matar", calado: sorteio.inteiro(50, 500) };
}

function rede(_: Plano, sorteio: Sorteio): Sorteada<"rede"> {
  const nome = sorteio.um(["atraso", "corte", "mudo", "picado", "ritmo"] as const);
  const estragos = {
    atraso: () => ({ atraso: sorteio.inteiro(1, 300) }),
    corte: () => ({}),
    mudo: () => ({ mudo: sorteio.um(["ida", "volta"] as const) }),
    picado: () => ({ picado: true }),
    ritmo: () => ({ ritmo: sorteio.inteiro(2_000, 50_000) }),
  };
  return {
    tipo: "rede",
    retransmissor: sorteio.inteiro(0, 3),
    nome,
    estrago: estragos[nome](),
    // Às vezes mais que o tempo em que os servidores dão por perdido quem emudeceu.
    ms: sorteio.inteiro(100, sorteio.um([1_000, LONGE_MS_MAX])),
  };
}

function passageira(sorteio: Sorteio, minimo: number, maximo: number): Passageira {
  return {
    ms: sorteio.inteiro(minimo, sorteio.um([1_000, 1_000, maximo])),
    esperar: sorteio.um([true, false]),
  };
}

/**
 * O elo de um seguidor são dois retransmissores: por um ele disca para o líder, pelo outro o
 * líder disca para ele. Some a rede entre os dois, ou só o que passa por um deles.
 */
function engolir(_: Plano, sorteio: Sorteio): Sorteada<"engolir"> {
  const sentido = sorteio.um(["ao líder", "do líder", "os dois sentidos"] as const);
  const doElo = ({
    "ao líder": ["ida", "volta"],
    "do líder": ["volta", "ida"],
    "os dois sentidos": ["os dois", "os dois"],
  } as const)[sentido];
  const engole: (Engole | undefined)[] = [undefined, undefined, undefined, undefined];
  const seguidor = sorteio.inteiro(0, 1);
  for (const n of sorteio.um([[0], [1], [0, 1], [0, 1]])) engole[2 * seguidor + n] = doElo[n]!;
  return { tipo: "engolir", sentido, engole, ...passageira(sorteio, 100, LONGE_MS_MAX) };
}

function pausa(_: Plano, sorteio: Sorteio): Sorteada<"pausar"> {
  const servidor = sorteio.inteiro(0, 2);
  return { tipo: "pausar", servidor, ...passageira(sorteio, 50, LONGE_MS_MAX) };
}

function gelo(_: Plano, sorteio: Sorteio): Sorteada<"congelar"> {
  return { tipo: "congelar", servidor: sorteio.inteiro(0, 2), ...passageira(sorteio, 200, 5_000) };
}

function troca(_: Plano, sorteio: Sorteio): Sorteada<"trocar a pasta"> {
  return {
    tipo: "trocar a pasta",
    // O líder mais vezes: é dele que há o que os outros ainda não têm.
    servidor: sorteio.um([0, 0, 1, 2]),
    calado: sorteio.um([0, 1, 1]) * sorteio.inteiro(50, 500),
    fora: sorteio.inteiro(0, 1200),
    por: sorteio.um(["antiga", "tirada", "tirada", "vazia", "alheia"]),
    copia: sorteio.inteiro(0, 5),
  };
}

/** O que uma corrida fez, e o que se viu. */
export interface Relatorio {
  readonly historia: Historia;
  /** Quantas falhas de cada tipo. */
  readonly falhas: ReadonlyMap<string, number>;
  /** As quebras que o verificador achou. */
  readonly quebras: readonly string[];
}

/** Onde guardam os servidores de um plano. */
function ondeGuarda({ emDisco, pastas }: Plano): string {
  if (!emDisco) return "na memória";
  return pastas ? "em disco, com pastas trocadas" : "em disco";
}

/** Uma corrida em poucas linhas: o plano, o que houve e o veredito. */
export function resumir(
  plano: Plano,
  { historia, falhas, quebras }: Relatorio,
  onde = ondeGuarda(plano),
): string {
  const { operacoes } = historia;
  const tipos = Map.groupBy(
    operacoes,
    ({ resposta }) =>
      resposta.tipo === "ERRO"
        ? `ERRO ${resposta.definitivo ? "definitivo" : "indefinido"}`
        : resposta.tipo,
  );
  const contas = (mapa: Iterable<readonly [string, number]>) =>
    [...mapa].sort().map(([nome, vezes]) => `${vezes} ${nome}`).join(", ");
  return [
    `semente ${plano.semente}, ${plano.segundos} s, ${onde}`,
    ...(PODE_PAUSAR ? [] : ["sem pausas: este sistema não tem SIGSTOP"]),
    `${operacoes.length} operações: ${
      contas([...tipos].map(([tipo, { length }]) => [tipo, length]))
    }`,
    `falhas: ${contas(falhas)}`,
    quebras.length === 0 ? "nenhuma quebra" : `QUEBRAS (${quebras.length}):`,
    ...quebras.slice(0, 20),
  ].join("\n");
}
