/**
 * Um cartão por servidor: quem é, como está, os seus comandos e a sua tabela. O estado e a tabela
 * são do instante que se mostra; os comandos são sempre do presente.
 *
 * @module
 */

import type { Foto, FotoDoServidor, Linha, Quem } from "../tipos.ts";
import { type Deslizador, fazerDeslizador } from "./deslizador.ts";
import { botao, dizer, fazer, mudar } from "./nos.ts";
import { quantos } from "./palavras.ts";
import { pedir } from "./pedir.ts";
import { estadoDe } from "./rede.ts";

/** Um cartão e os nós que se mudam. */
interface Cartao {
  readonly no: HTMLElement;
  readonly nome: HTMLElement;
  readonly estado: HTMLElement;
  readonly comandos: HTMLElement;
  readonly matar: HTMLButtonElement;
  readonly iniciar: readonly HTMLButtonElement[];
  readonly atraso: Deslizador;
  readonly corpo: HTMLElement;
  readonly outras: HTMLElement;
  /** A tabela desenhada, para não a desenhar outra vez. */
  tabela: readonly Linha[] | undefined;
}

/** Os cartões, por servidor. */
export interface Tabelas {
  readonly no: HTMLElement;
  readonly cartoes: Map<Quem, Cartao>;
}

/** Prepara os cartões dentro de um nó da página. */
export function criarTabelas(no: HTMLElement): Tabelas {
  return { no, cartoes: new Map() };
}

/** Mostra os servidores de uma foto; os botões são os que a `presente` deixa premir. */
export function mostrarTabelas({ no, cartoes }: Tabelas, foto: Foto, presente: Foto): void {
  const quais = foto.servidores.map(({ quem }) => quem);
  if ([...cartoes.keys()].join() !== quais.join()) {
    cartoes.clear();
    for (const quem of quais) cartoes.set(quem, fazerCartao(quem));
    no.replaceChildren(...[...cartoes.values()].map((cartao) => cartao.no));
  }
  for (const servidor of foto.servidores) {
    const cartao = cartoes.get(servidor.quem)!;
    mostrarCartao(cartao, servidor);
    const hoje = presente.servidores.find(({ quem }) => quem === servidor.quem);
    mudar(cartao.comandos, { hidden: !presente.comandos });
    cartao.matar.disabled = hoje?.vivo !== true;
    for (const iniciar of cartao.iniciar) iniciar.disabled = hoje?.vivo !== false;
    cartao.atraso.acertar(hoje?.atraso ?? 0);
  }
}

function fazerCartao(quem: Quem): Cartao {
  const [nome, estado] = [fazer("h3"), fazer("p", { class: "estado" })];
  const matar = botao("Matar", () => pedir({ pedir: "matar", servidor: quem }), {
    class: "perigo",
    title: "SIGKILL: morre já, sem se despedir",
  });
  const iniciar = [
    botao("Iniciar vazio", () => pedir({ pedir: "iniciar", servidor: quem, dados: false }), {
      title: "Volta na memória, sem nada",
    }),
    botao("com dados", () => pedir({ pedir: "iniciar", servidor: quem, dados: true }), {
      title: "Volta com o que tinha na sua pasta",
    }),
  ];
  const atraso = fazerDeslizador(
    `Atraso de tudo o que o ${quem.toUpperCase()} recebe`,
    (ms) => pedir({ pedir: "atraso-servidor", servidor: quem, ms }),
  );
  const comandos = fazer("div", { class: "comandos-do-servidor" }, matar, ...iniciar, atraso.no);
  const corpo = fazer("tbody");
  const cabeca = fazer(
    "tr",
    {},
    ...["key", "value", "ts"].map((um) => fazer("th", { scope: "col" }, um)),
  );
  const tabela = fazer("table", {}, fazer("thead", {}, cabeca), corpo);
  const outras = fazer("p", { class: "outras" });
  const rolo = fazer("div", { class: "rolo", tabindex: 0, role: "region" }, tabela, outras);
  mudar(rolo, { "aria-label": `A tabela do ${quem.toUpperCase()}` });
  const no = fazer(
    "section",
    { class: "cartao", id: `cartao-${quem}` },
    fazer("header", {}, nome, estado),
    comandos,
    rolo,
  );
  return { no, nome, estado, comandos, matar, iniciar, atraso, corpo, outras, tabela: undefined };
}

function mostrarCartao(cartao: Cartao, servidor: FotoDoServidor): void {
  dizer(cartao.nome, servidor.nome);
  dizer(cartao.estado, estadoDe(servidor));
  const { vivo, lider, emDia, tabela, outras } = servidor;
  const classes = ["cartao", lider && vivo && "lider", !vivo && "morto", !emDia && "atras"];
  mudar(cartao.no, { class: classes.filter(Boolean).join(" ") });
  const vazia = tabela.length === 0 ? (vivo ? "nenhuma key" : "morto") : "";
  dizer(cartao.outras, outras > 0 ? `e mais ${quantos(outras)} keys` : vazia);
  if (cartao.tabela === tabela) return;
  cartao.tabela = tabela;
  cartao.corpo.replaceChildren(...tabela.map(fazerLinha));
}

function fazerLinha({ key, value, timestamp, confirmada }: Linha): HTMLTableRowElement {
  const dito = confirmada ? "confirmada" : "ainda não confirmada";
  return fazer(
    "tr",
    { class: confirmada ? "confirmada" : "por-confirmar", title: `${key} = ${value} (${dito})` },
    fazer("td", {}, key),
    fazer("td", {}, value),
    fazer("td", {}, `${timestamp}${confirmada ? "" : " ◌"}`),
  );
}
