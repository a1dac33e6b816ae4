/**
 * Os dizeres de uma mensagem: o que o rótulo da sua seta diz, encurtado até caber, e quanto ocupa.
 *
 * ```ts
 * import { dizeres, larguraDe } from "./dizeres.ts";
 *
 * const [tipo, resto] = dizeres({ tipo: "PUT", key: "cor", value: "azul" }, 100);
 * if (tipo.texto !== "PUT" || !resto?.texto.startsWith("cor")) throw new Error("não disse");
 * if (larguraDe([tipo]) >= larguraDe([tipo, resto])) throw new Error("não mediu");
 * ```
 *
 * @module
 */

import { visivel } from "../../lib/texto.ts";
import { LETRA } from "./papel.ts";
import type { Conteudo } from "./setas.ts";

/** Caracteres de uma key ou de um value num rótulo: os primeiros com que ele cabe entre duas linhas. */
const TEXTO_MAX = [14, 11, 8, 5] as const;

/** Caracteres de um tipo que este programa não conhece. */
const TIPO_MAX = 30;

/** O tipo de uma mensagem, ou o que ela leva. */
export interface Parte {
  readonly texto: string;
  readonly ehTipo: boolean;
}

/**
 * O que um rótulo diz: o tipo; e a key, o value e o timestamp que a mensagem leva, se algum.
 * `passo` são os pixels entre duas linhas vizinhas.
 */
export function dizeres(mensagem: Conteudo, passo: number): [tipo: Parte, resto?: Parte] {
  const tipo = { texto: encurtar(mensagem.tipo, TIPO_MAX), ehTipo: true };
  for (const max of TEXTO_MAX) {
    const resto = { texto: detalhes(mensagem, max), ehTipo: false };
    if (resto.texto === "") break;
    if (max === TEXTO_MAX.at(-1) || larguraDe([resto]) <= passo - 10) return [tipo, resto];
  }
  return [tipo];
}

function detalhes(
  { tipo, key, value, timestamp, erro, definitivo }: Conteudo,
  max: number,
): string {
  const partes: string[] = [];
  if (typeof key === "string") partes.push(encurtar(key, max));
  if (typeof value === "string") partes.push("=", encurtar(value, max) || '""');
  if (value === null) partes.push("= NULL");
  if (typeof timestamp === "number") partes.push(`ts ${timestamp}`);
  if (typeof erro === "string") partes.push(encurtar(erro, 2 * max));
  if (tipo === "ERRO" && definitivo === true) partes.push("(definitivo)");
  return partes.join(" ");
}

/** O começo de um texto; os espaços, dos que não se juntam, que em SVG vários valeriam por um. */
function encurtar(texto: string, max: number): string {
  const letras = [...visivel(texto.slice(0, 4 * max).toWellFormed())];
  const inteiro = letras.length <= max && texto.length <= 4 * max;
  const curto = inteiro ? letras.join("") : letras.slice(0, max - 1).join("").trimEnd() + "…";
  return curto.replaceAll(" ", "\u00a0");
}

/** Quanto ocupa cada letra de Helvetica, em partes do seu tamanho; as de outras escritas, uma inteira. */
const LARGURAS: readonly [RegExp, number][] = [
  [/[ijlI.,:;'|!\s]/, 0.28],
  [/[frt()[\]{}"*-]/, 0.36],
  [/[mMW%@]/, 0.86],
  [/[A-Zw…]/, 0.68],
  [/[\x20-\x7e\xa0-\u02ff]/, 0.56],
  [/^/u, 1],
];

/** O espaço entre o tipo e o que vem depois, na mesma medida. */
const ENTRE_PARTES = 0.28;

/** Pixels que um texto ocupa, por alto: não há onde medi-lo. */
export function larguraDe(partes: readonly Parte[]): number {
  let soma = ENTRE_PARTES * (partes.length - 1);
  for (const { texto, ehTipo } of partes) {
    for (const caractere of texto) {
      const [, emes] = LARGURAS.find(([quais]) => quais.test(caractere))!;
      soma += emes * (ehTipo ? 1.06 : 1);
    }
  }
  return soma * LETRA;
}
