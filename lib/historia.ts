/**
 * De onde vem o que uma tabela tem: uma lista de épocas, cada uma com um nome que ninguém mais dá
 * e o que havia antes dela. Diz até onde duas tabelas são iguais sem as comparar.
 *
 * ```ts
 * import { comumAte, ehComeco } from "./historia.ts";
 *
 * const [a, b] = [{ id: "a", apos: 0 }, { id: "b", apos: 2 }];
 * const grupo = { timestamp: 9, historia: [a, b] };
 * const atrasado = { timestamp: 1, historia: [a] };
 * const alheio = { timestamp: 3, historia: [a] }; // a época "a" acabou, no grupo, em 2
 * if (!ehComeco(atrasado, grupo) || ehComeco(alheio, grupo)) throw new Error("enganou-se");
 * if (comumAte(alheio, grupo) !== 2) throw new Error("não achou até onde são iguais");
 * ```
 *
 * @module
 */

/**
 * Uma época: os timestamps dados por quem a começou, até parar. Com o mesmo `id` são os mesmos
 * registros; `apos` é o maior timestamp que havia quando ela começou.
 */
export interface Epoca {
  readonly id: string;
  readonly apos: number;
}

/** De que épocas vem o que uma tabela tem, da primeira à última. */
export type Historia = readonly Epoca[];

/** Épocas que uma história guarda; além, esquece as mais antigas. */
export const EPOCAS_MAX = 64;

/** A história de quem nunca teve época. */
export const SEM_HISTORIA: Historia = [{ id: "", apos: 0 }];

/** O que identifica o conteúdo de uma tabela: até que timestamp vai, e de que épocas vem. */
export interface Origem {
  /** O maior timestamp dela. */
  readonly timestamp: number;
  readonly historia: Historia;
  /**
   * Onde começou a cópia que ainda não acabou; ausente, nenhuma. A meio, o que se tem depois disto
   * não é tudo: falta o que, antes, já tinha uma versão mais nova por vir.
   */
  readonly desde?: number | undefined;
}

/**
 * Até que timestamp duas tabelas são iguais. Numa época, o líder dela deu cada timestamp uma vez,
 * e quem o segue tem sempre um começo do que ele deu: duas tabelas com a mesma época são iguais
 * até onde as duas a têm, e um timestamp grande, sozinho, não prova nada. (A ideia é a das épocas
 * de líder do Kafka, KIP-101.)
 */
export function comumAte(uma: Origem, outra: Origem): number {
  // O que se tem de uma época acabou onde começou a mais curta das seguintes: um líder que perdeu a
  // pasta pode abrir outra antes do fim da anterior, e o que esta tinha a mais perdeu-se. E quem
  // ainda a está a receber só tem até onde vai.
  const fim = ({ historia, timestamp, desde = timestamp }: Origem, n: number) =>
    Math.min(timestamp, desde, ...historia.slice(n + 1).map(({ apos }) => apos));
  for (let n = uma.historia.length - 1; n >= 0; n--) {
    const { id } = uma.historia[n]!;
    const m = outra.historia.findLastIndex((epoca) => epoca.id === id);
    if (m >= 0) return Math.min(fim(uma, n), fim(outra, m));
  }
  return 0;
}

/** Se tudo o que uma tabela tem, a outra também tem: basta-lhe o que a outra tem depois. */
export function ehComeco(uma: Origem, outra: Origem): boolean {
  return uma === outra || uma.timestamp === 0 || comumAte(uma, outra) >= uma.timestamp;
}

/** Se a história de uma tabela vai além da última época da outra: alguém abriu outra depois dela. */
export function foiAlem(uma: Origem, outra: Origem): boolean {
  const ultima = outra.historia.at(-1)?.id;
  return uma.historia.slice(0, -1).some(({ id }) => id === ultima);
}

/**
 * A tabela do grupo: a mais adiantada da história de que mais tabelas são um começo. Num empate, uma
 * inteira vale mais que uma a meio, e a que começou a copiar mais tarde, mais que as outras; entre
 * inteiras que não são começo uma da outra, só a do líder (a primeira), se não é vazia, decide.
 *
 * @returns `undefined` se não se sabe.
 */
export function escolherOrigem<O extends Origem>(origens: readonly O[]): O | undefined {
  const apoios = origens.map((origem) => origens.filter((outra) => ehComeco(outra, origem)).length);
  const maior = Math.max(...apoios);
  const [primeira, ...outras] = origens.filter((_, n) => apoios[n] === maior);
  const desde = ({ desde }: O) => desde ?? Infinity;
  let escolhida = primeira!;
  for (const outra of outras) {
    if (ehComeco(escolhida, outra) && ehComeco(outra, escolhida)) continue;
    const inteiras = desde(escolhida) === Infinity && desde(outra) === Infinity;
    const doLider = escolhida === origens[0] && escolhida.timestamp > 0;
    if (inteiras && !doLider) return undefined;
    const melhor = desde(outra) - desde(escolhida) || outra.timestamp - escolhida.timestamp;
    if (!inteiras && melhor > 0) escolhida = outra;
  }
  return escolhida;
}
