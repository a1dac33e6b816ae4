/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * Os nós da página: fazê-los e mudá-los, sem mexer no que já está como deve.
 *
 * @module
 */

/** O que um nó pode levar dentro. */
type Filho = Node | string;

/** Os atributos de um nó; `undefined` e `false` tiram-no, `true` deixa-o vazio. */
type Atributos = { readonly [nome: string]: string | number | boolean | undefined };

const SVG = "http://www.w3.org/2000/svg";

/** O nó da página com este id, que está em index.html. */
export function achar(id: string): HTMLElement {
  const no = document.getElementById(id);
  if (no === null) throw new Error(`Falta na página o nó "${id}"`);
  return no;
}

/** Um nó de HTML. */
export function fazer<T extends keyof HTMLElementTagNameMap>(
  nome: T,
  atributos: Atributos = {},
  ...filhos: readonly Filho[]
): HTMLElementTagNameMap[T] {
  return encher(document.createElement(nome), atributos, filhos);
}

/** Um nó de SVG. */
export function desenhar<T extends keyof SVGElementTagNameMap>(
  nome: T,
  atributos: Atributos = {},
  ...filhos: readonly Filho[]
): SVGElementTagNameMap[T] {
  return encher(document.createElementNS(SVG, nome), atributos, filhos);
}

function encher<T extends Element>(no: T, atributos: Atributos, filhos: readonly Filho[]): T {
  mudar(no, atributos);
  no.append(...filhos);
  return no;
}

/** Dá a um nó estes atributos, escrevendo só os que mudaram. */
export function mudar(no: Element, atributos: Atributos): void {
  for (const [nome, valor] of Object.entries(atributos)) {
    if (valor === undefined || valor === false) {
      if (no.hasAttribute(nome)) no.removeAttribute(nome);
      continue;
    }
    const texto = valor === true ? "" : String(valor);
    if (no.getAttribute(nome) !== texto) no.setAttribute(nome, texto);
  }
}

/** O texto de um nó, escrito só se mudou. */
export function dizer(no: Element, texto: string): void {
  if (no.textContent !== texto) no.textContent = texto;
}

/** A cor de uma família, que a folha de estilo clareia no escuro. */
export function pintar(no: HTMLElement | SVGElement, cor: string): void {
  if (no.style.getPropertyValue("--cor") !== cor) no.style.setProperty("--cor", cor);
}

/** Um botão de verdade. */
export function botao(texto: string, aoPremir: () => void, atributos: Atributos = {}) {
  const no = fazer("button", { type: "button", ...atributos }, texto);
  no.addEventListener("click", aoPremir);
  return no;
}
