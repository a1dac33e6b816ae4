/**
 * Os comandos: as cenas, o PUT e o GET, os elos, tudo mais lento, passo a passo. Cada um é um botão
 * à vista; o que está ligado é o que a última foto diz, e não o que se premiu.
 *
 * @module
 */

import type { Cena, Foto, FotoDoElo, Pedido, Quem } from "../tipos.ts";
import { type Deslizador, fazerDeslizador } from "./deslizador.ts";
import { lembrarCampo } from "./lembrar.ts";
import { achar, botao, dizer, fazer, mudar } from "./nos.ts";
import { curto } from "./palavras.ts";
import { pedir } from "./pedir.ts";

/** Os values que vêm a seguir a cada PUT, para não ser preciso escrever nada. */
const VALUES = ["azul", "verde", "roxo", "rosa", "cinza", "preto", "branco", "laranja"] as const;

/** Milissegundos em que premir outra vez "Próxima" é a mão que tremeu. */
const DUAS_VEZES_MS = 300;

/** Uma linha da lista de elos. */
interface LinhaDoElo {
  readonly deslizador: Deslizador;
  readonly cortar: HTMLButtonElement;
  readonly no: HTMLElement;
  foto: FotoDoElo;
}

/** Os comandos e os nós que se mudam. */
export interface Comandos {
  readonly tudo: Deslizador;
  readonly passo: HTMLButtonElement;
  readonly proxima: HTMLButtonElement;
  readonly elos: LinhaDoElo[];
  readonly clientes: Map<Quem, HTMLElement>;
  readonly cenas: Map<string, HTMLButtonElement>;
  foto: Foto | undefined;
}

/** Prepara os comandos nos nós da página. */
export function criarComandos(): Comandos {
  const tudo = fazerDeslizador("Tudo mais lento", (ms) => pedir({ pedir: "atraso-tudo", ms }));
  achar("tudo").append(tudo.no);
  const comandos: Comandos = {
    tudo,
    passo: botao("Passo a passo", () => {
      pedir({ pedir: "passo", ligado: comandos.foto?.passo !== true });
    }, { id: "passo", "aria-pressed": "false" }),
    proxima: botao("Próxima", () => {
      // Um instante, até à foto que diz quantas esperam: premido duas vezes, não pede uma que não há.
      comandos.proxima.disabled = true;
      setTimeout(() => acertarPasso(comandos), DUAS_VEZES_MS);
      pedir({ pedir: "proxima" });
    }, { id: "proxima" }),
    elos: [],
    clientes: new Map(),
    cenas: new Map(),
    foto: undefined,
  };
  comandos.passo.title = "Cada mensagem espera no retransmissor até se pedir a próxima";
  achar("passos").append(
    comandos.passo,
    comandos.proxima,
    botao("Recomeçar", () => pedir({ pedir: "recomecar" }), {
      id: "recomecar",
      title: "Três servidores novos e vazios, dois clientes novos, nenhum atraso",
    }),
  );
  for (const campo of document.querySelectorAll<HTMLInputElement>("#pedidos input, #elos input")) {
    lembrarCampo(campo);
  }
  achar("elos").addEventListener("change", () => acertarElos(comandos));
  return comandos;
}

/** Oferece as cenas. */
export function oferecerCenas(comandos: Comandos, cenas: readonly Cena[]): void {
  for (const { id, titulo, olhe } of cenas) {
    const no = botao("", () => {
      pedir({ pedir: "cena", cena: id });
      // Num telefone, o palco está mais acima.
      if (matchMedia("(max-width: 900px)").matches) achar("cena").scrollIntoView();
    }, { class: "cena" });
    no.append(fazer("strong", {}, titulo), fazer("small", {}, olhe));
    no.dataset["cena"] = id;
    comandos.cenas.set(id, no);
  }
  achar("cenas").replaceChildren(...comandos.cenas.values());
}

/** Acerta os comandos pela última foto. */
export function mostrarComandos(comandos: Comandos, foto: Foto): void {
  if (comandos.foto === foto) return;
  comandos.foto = foto;
  document.body.classList.toggle("sem-comandos", !foto.comandos);
  comandos.tudo.acertar(foto.tudo);
  acertarPasso(comandos);
  for (const [id, no] of comandos.cenas) {
    mudar(no, { "aria-current": foto.cena?.id === id && !foto.cena.acabou ? "true" : undefined });
  }
  mostrarPedidos(comandos, foto);
  acertarElos(comandos);
}

/** Passo a passo: se está ligado, e quantas mensagens esperam. */
function acertarPasso({ passo, proxima, foto }: Comandos): void {
  if (foto === undefined) return;
  mudar(passo, { "aria-pressed": String(foto.passo) });
  dizer(passo, foto.passo ? "Passo a passo: sim" : "Passo a passo");
  proxima.disabled = !foto.passo || foto.esperam === 0;
  dizer(proxima, foto.passo ? `Próxima (esperam ${foto.esperam})` : "Próxima");
}

/** Os botões de cada cliente, e o que ele diz; e os servidores que se podem escolher. */
function mostrarPedidos({ clientes }: Comandos, { clientes: todos, servidores }: Foto): void {
  const escolha = achar("servidores");
  if (escolha.childElementCount !== servidores.length + 1) {
    const opcoes = servidores.map(({ quem, nome }) => opcao(quem, curto(quem), `Ao ${nome}`));
    escolha.replaceChildren(opcao("", "sorteado", "Como o enunciado diz"), ...opcoes);
    const campos = [...escolha.querySelectorAll("input")];
    campos.forEach(lembrarCampo);
    if (!campos.some((campo) => campo.checked)) campos[0]!.checked = true;
  }
  if ([...clientes.keys()].join() !== todos.map(({ quem }) => quem).join()) {
    clientes.clear();
    achar("clientes").replaceChildren(...todos.map(({ quem, nome }) => {
      const situacao = fazer("output");
      clientes.set(quem, situacao);
      const put = botao("PUT", () => fazerPut(quem), { class: "put" });
      const get = botao("GET", () => fazerGet(quem), { class: "get" });
      mudar(put, { "aria-label": `PUT do ${nome}`, id: `put-${quem}` });
      mudar(get, { "aria-label": `GET do ${nome}`, id: `get-${quem}` });
      return fazer("div", { class: "cliente" }, fazer("b", {}, nome), put, get, situacao);
    }));
  }
  for (const { quem, situacao } of todos) {
    const no = clientes.get(quem)!;
    dizer(no, situacao);
    mudar(no, { title: situacao });
  }
}

function opcao(valor: Quem, texto: string, titulo: string): HTMLLabelElement {
  const campo = fazer("input", { type: "radio", name: "servidor", value: valor });
  return fazer("label", { title: titulo }, campo, fazer("span", {}, texto));
}

function campo(id: string): HTMLInputElement {
  return achar(id) as HTMLInputElement;
}

/** O servidor escolhido, se não é para sortear. */
function escolhido(): { servidor?: Quem } {
  const servidor = document.querySelector<HTMLInputElement>("[name=servidor]:checked")?.value;
  return servidor ? { servidor } : {};
}

function fazerPut(cliente: Quem): void {
  const [key, value] = [campo("key").value, campo("value").value];
  pedir({ pedir: "PUT", cliente, key, value, ...escolhido() });
  const n = VALUES.findIndex((um) => um === value);
  if (n >= 0) campo("value").value = VALUES[(n + 1) % VALUES.length]!;
  campo("value").dispatchEvent(new Event("input"));
}

function fazerGet(cliente: Quem): void {
  pedir({ pedir: "GET", cliente, key: campo("key").value, ...escolhido() });
}

/** A lista dos elos: um atraso, no sentido escolhido, e um corte para cada um. */
function acertarElos(comandos: Comandos): void {
  const { foto, elos } = comandos;
  if (foto === undefined) return;
  const chave = (lista: readonly FotoDoElo[]) =>
    lista.map(({ de, para }) => `${de} ${para}`).join();
  if (chave(elos.map((linha) => linha.foto)) !== chave(foto.elos)) {
    elos.splice(0, elos.length, ...foto.elos.map(fazerElo));
    achar("lista-de-elos").replaceChildren(...elos.map(({ no }) => no));
  }
  foto.elos.forEach((elo, n) => {
    const linha = elos[n]!;
    linha.foto = elo;
    const [ida, volta] = [elo.ida, elo.volta];
    const qual = sentido();
    linha.deslizador.acertar(
      qual === "ida" ? ida : qual === "volta" ? volta : Math.max(ida, volta),
    );
    dizer(linha.cortar, elo.cortado ? "Sarar" : "Cortar");
    mudar(linha.cortar, { "aria-pressed": String(elo.cortado) });
    mudar(linha.no, { class: elo.cortado ? "cortado" : undefined });
  });
}

function sentido(): Extract<Pedido, { pedir: "atraso-elo" }>["sentido"] {
  const valor = document.querySelector<HTMLInputElement>("[name=sentido]:checked")?.value;
  return valor === "ida" || valor === "volta" ? valor : "os dois";
}

function fazerElo(foto: FotoDoElo): LinhaDoElo {
  const { de, para } = foto;
  const nome = `${curto(de)}–${curto(para)}`;
  const deslizador = fazerDeslizador(
    `Atraso do elo ${nome}`,
    (ms) => pedir({ pedir: "atraso-elo", de, para, sentido: sentido(), ms }),
  );
  const cortar = botao("Cortar", () => {
    pedir({ pedir: linha.foto.cortado ? "sarar" : "cortar", de, para });
  }, { "aria-label": `Cortar ou sarar o elo ${nome}`, id: `cortar-${de}-${para}` });
  const no = fazer("li", {}, fazer("b", {}, nome), deslizador.no, cortar);
  const linha: LinhaDoElo = { deslizador, cortar, no, foto };
  return linha;
}
