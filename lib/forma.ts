/**
 * Conferir a forma de um JSON alheio, campo a campo: o que sai tem o tipo que diz ter, e nada mais.
 *
 * ```ts
 * import { inteiro, lista, objeto, texto } from "./forma.ts";
 *
 * const lerTurma = objeto({ nome: texto(20), notas: lista(inteiro, 3) });
 * const { nome, notas } = lerTurma({ nome: "A", notas: [7, 9], outro: true }, "turma");
 * if (nome !== "A" || notas[1] !== 9) throw new Error("não leu");
 * ```
 *
 * @module
 */

import { citarJson } from "./texto.ts";

/** Lê um valor alheio; `nome` é como se fala dele. @throws {TypeError} se não tem esta forma. */
export type Leitor<T> = (valor: unknown, nome: string) => T;

/** O erro de um valor que não é o que se esperava. */
function recusar(nome: string, esperado: string, valor: unknown): never {
  throw new TypeError(`${nome} devia ser ${esperado}: ${citarJson(valor)}`);
}

/** Um texto de até `maximo` caracteres. */
export function texto(maximo: number): Leitor<string> {
  return (valor, nome) =>
    typeof valor === "string" && valor.length <= maximo
      ? valor
      : recusar(nome, `um texto de até ${maximo} caracteres`, valor);
}

/** Um destes textos. */
export function umDe<T extends string>(...textos: readonly T[]): Leitor<T> {
  return (valor, nome) =>
    textos.find((um) => um === valor) ??
      recusar(nome, `um de ${textos.map((um) => `"${um}"`).join(", ")}`, valor);
}

/** Um inteiro de zero ao maior que se conta sem saltos. */
export const inteiro: Leitor<number> = (valor, nome) =>
  Number.isSafeInteger(valor) && Number(valor) >= 0
    ? Number(valor)
    : recusar(nome, "um inteiro de 0 ou mais", valor);

/** Verdadeiro ou falso. */
export const simOuNao: Leitor<boolean> = (valor, nome) =>
  typeof valor === "boolean" ? valor : recusar(nome, "true ou false", valor);

/** Uma lista de até `maximo` itens. */
export function lista<T>(item: Leitor<T>, maximo: number): Leitor<readonly T[]> {
  return (valor, nome) =>
    Array.isArray(valor) && valor.length <= maximo
      ? valor.map((um, n) => item(um, `${nome}[${n}]`))
      : recusar(nome, `uma lista de até ${maximo} itens`, valor);
}

/** O mesmo, ou `padrao` se o campo não veio. */
export function opcional<T>(leitor: Leitor<T>, padrao: T): Leitor<T> {
  return (valor, nome) => valor === undefined ? padrao : leitor(valor, nome);
}

/** Um objeto com estes campos; outros que ele tenha ficam de fora. */
export function objeto<T>(campos: { readonly [C in keyof T]: Leitor<T[C]> }): Leitor<Readonly<T>> {
  return (valor, nome) => {
    if (typeof valor !== "object" || valor === null || Array.isArray(valor)) {
      return recusar(nome, "um objeto", valor);
    }
    const lidos = Object.entries<Leitor<unknown>>(campos).map((
      [campo, leitor],
    ) => [campo, leitor(Object.hasOwn(valor, campo) ? valor[campo as never] : undefined, campo)]);
    return Object.fromEntries(lidos);
  };
}
