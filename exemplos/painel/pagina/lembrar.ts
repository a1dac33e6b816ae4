/**
 * O que quem vê escolheu na sua vista (não é do painel, é desta janela), para que uma recarga o
 * encontre: o instante em que parou, o que escreveu.
 *
 * @module
 */

/** O que se guarda desta janela. */
export function lembrado(nome: string): string | undefined {
  return sessionStorage.getItem(nome) ?? undefined;
}

/** Guarda uma escolha; `undefined` esquece-a. */
export function lembrar(nome: string, valor: string | undefined): void {
  if (valor === undefined) sessionStorage.removeItem(nome);
  else if (sessionStorage.getItem(nome) !== valor) sessionStorage.setItem(nome, valor);
}

/** Faz com que um campo, ou uma de várias escolhas, se lembre do que lá se pôs. */
export function lembrarCampo(campo: HTMLInputElement): void {
  const nome = campo.type === "radio" ? campo.name : campo.id;
  const valor = lembrado(nome);
  if (campo.type !== "radio") campo.value = valor ?? campo.value;
  else if (valor !== undefined) campo.checked = campo.value === valor;
  campo.addEventListener("input", () => lembrar(nome, campo.value));
}
