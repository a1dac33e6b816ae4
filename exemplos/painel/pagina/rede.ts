/**
 * O palco: os processos e os elos entre eles, como estavam no instante que se mostra. Os pontos a
 * caminho são de pontos.ts.
 *
 * @module
 */

import type { Foto, FotoDoCliente, FotoDoElo, FotoDoServidor, Quem } from "../tipos.ts";
import { AO_ALTO, caminho, LARGO, type Lugar, lugares, noCaminho, type Palco } from "./lugares.ts";
import { desenhar, dizer, fazer, mudar } from "./nos.ts";
import { atraso, curto } from "./palavras.ts";

/** Keys de um cliente que cabem na sua caixa. */
const TIMESTAMPS_MAX = 3;

/** Letras que cabem na caixa de um cliente. */
const LETRAS_MAX = 15;

/** O palco e os nós que se mudam. */
export interface Rede {
  readonly elos: SVGGElement;
  readonly pontos: SVGGElement;
  readonly processos: SVGGElement;
  readonly svg: Element;
  /** Se a janela é a de um telefone. */
  readonly estreita: MediaQueryList;
  palco: Palco;
  lugares: Map<Quem, Lugar>;
  /** A foto desenhada, para não a desenhar outra vez. */
  foto: Foto | undefined;
}

/** Prepara o palco dentro do `<svg>` da página. */
export function criarRede(svg: Element): Rede {
  const [elos, pontos, processos] = [desenhar("g"), desenhar("g"), desenhar("g")];
  // Os pontos por cima: nada os pode esconder.
  svg.replaceChildren(elos, processos, pontos);
  const estreita = matchMedia("(max-width: 560px)");
  const [palco, foto] = [LARGO, undefined];
  return { svg, estreita, palco, elos, pontos, processos, lugares: new Map(), foto };
}

/** Desenha os processos e os elos de uma foto. */
export function mostrarRede(rede: Rede, foto: Foto): void {
  const palco = rede.estreita.matches ? AO_ALTO : LARGO;
  if (rede.foto === foto && rede.palco === palco) return;
  Object.assign(rede, { foto, palco, lugares: lugares(foto, palco) });
  mudar(rede.svg, { viewBox: `0 0 ${palco.largura} ${palco.altura}` });
  rede.elos.replaceChildren(
    ...elosDe(foto).flatMap((elo) => {
      const [de, para] = [rede.lugares.get(elo.de), rede.lugares.get(elo.para)];
      return de && para ? [desenharElo(elo, de, para)] : [];
    }),
  );
  rede.processos.replaceChildren(
    ...foto.servidores.map((um) => desenharServidor(um, rede.lugares.get(um.quem)!)),
    ...foto.clientes.map((um) => desenharCliente(um, rede.lugares.get(um.quem)!)),
    ...(foto.clientes.length <= 2 ? foto.clientes.map((um) => dizerSituacao(um, rede)) : []),
  );
}

/** Os elos da foto; uma vista por rastros não os diz, e são todos com todos. */
function elosDe({ elos, servidores, clientes }: Foto): readonly FotoDoElo[] {
  if (elos.length > 0) return elos;
  const solto = { ida: 0, volta: 0, cortado: false };
  return servidores.flatMap(({ quem: de }, n) => [
    ...servidores.slice(n + 1).map(({ quem: para }) => ({ de, para, ...solto })),
    ...clientes.map(({ quem }) => ({ de: quem, para: de, ...solto })),
  ]);
}

function desenharElo(elo: FotoDoElo, a: Lugar, b: Lugar): SVGGElement {
  const [ida, volta] = [caminho(a, b), caminho(b, a)];
  const grupo = desenhar("g", { class: elo.cortado ? "elo cortado" : "elo" });
  for (const { de, para } of [ida, volta]) {
    grupo.append(desenhar("line", { x1: de.x, y1: de.y, x2: para.x, y2: para.y }));
  }
  const meio = noCaminho({ de: noCaminho(ida, 0.5), para: noCaminho(volta, 0.5) }, 0.5);
  const dito = dizerElo(elo);
  if (dito === "") return grupo;
  const texto = desenhar("text", { x: meio.x, y: meio.y + 3.5, "text-anchor": "middle" }, dito);
  grupo.append(texto);
  return grupo;
}

function dizerElo({ de, para, ida, volta, cortado }: FotoDoElo): string {
  if (cortado) return "× cortado";
  if (ida === volta) return ida === 0 ? "" : `+ ${atraso(ida)}`;
  const sentidos = [[de, para, ida], [para, de, volta]] as const;
  return sentidos.filter(([, , ms]) => ms > 0)
    .map(([a, b, ms]) => `${curto(a)}→${curto(b)} + ${atraso(ms)}`).join(", ");
}

/** O estado de um servidor, em palavras. */
export function estadoDe({ vivo, lider, emDia }: FotoDoServidor): string {
  if (!vivo) return "morto";
  return `${lider ? "★ líder" : "seguidor"}, ${emDia ? "em dia" : "atrasado"}`;
}

function desenharServidor(servidor: FotoDoServidor, lugar: Lugar): SVGGElement {
  const { vivo, lider, emDia } = servidor;
  const classes = ["servidor", lider && vivo && "lider", !vivo && "morto", !emDia && "atras"];
  const grupo = caixa(lugar, classes.filter(Boolean).join(" "), 8);
  grupo.append(
    letras(lugar.x, lugar.y - 7, servidor.nome, "nome"),
    letras(lugar.x, lugar.y + 7, estadoDe(servidor), "estado"),
    letras(
      lugar.x,
      lugar.y + 20,
      servidor.atraso > 0 ? `atraso ${atraso(servidor.atraso)}` : servidor.endereco,
      "miudo",
    ),
  );
  if (!vivo) {
    const [x, y] = [lugar.x + lugar.largura / 2 - 8, lugar.y - lugar.altura / 2 + 8];
    grupo.append(desenhar("path", {
      class: "cruz",
      d: `M${x - 6} ${y - 6}l12 12M${x + 6} ${y - 6}l-12 12`,
    }));
  }
  return grupo;
}

function desenharCliente(cliente: FotoDoCliente, lugar: Lugar): SVGGElement {
  const grupo = caixa(lugar, "cliente", 26);
  const cima = lugar.y - lugar.altura / 2;
  grupo.append(
    letras(lugar.x, cima + 20, cliente.nome, cliente.nome.length > 12 ? "nome longo" : "nome"),
  );
  const cabem = cliente.timestamps.slice(0, TIMESTAMPS_MAX);
  cabem.forEach(({ key, timestamp }, n) => {
    const dito = `${curtar(key, LETRAS_MAX - 5)} ts ${timestamp}`;
    grupo.append(letras(lugar.x, cima + 36 + 13 * n, dito, "dado"));
  });
  const outros = cliente.timestamps.length - cabem.length;
  const fim = cabem.length === 0 ? "sem timestamps" : outros > 0 ? `e mais ${outros}` : "";
  grupo.append(letras(lugar.x, cima + (cabem.length === 0 ? 40 : 75), fim, "miudo"));
  grupo.append(desenhar("title", {}, `${cliente.nome}: ${cliente.situacao}`));
  return grupo;
}

/** O que um cliente diz, por cima dele, onde o palco está vazio. */
function dizerSituacao({ quem, situacao }: FotoDoCliente, { lugares, palco }: Rede): SVGElement {
  const { x, y, altura } = lugares.get(quem)!;
  const aEsquerda = x < palco.largura / 2;
  const { largura: width, altura: height } = palco.situacao;
  const no = fazer("div", { class: aEsquerda ? "situacao" : "situacao direita" }, situacao);
  return desenhar("foreignObject", {
    x: aEsquerda ? 2 : palco.largura - width - 2,
    y: y - altura / 2 - height - 4,
    width,
    height,
  }, no);
}

function curtar(texto: string, max: number): string {
  return texto.length <= max ? texto : texto.slice(0, max - 1) + "…";
}

function caixa({ x, y, largura, altura }: Lugar, classe: string, rx: number): SVGGElement {
  const [cx, cy] = [x - largura / 2, y - altura / 2];
  const fundo = desenhar("rect", { x: cx, y: cy, width: largura, height: altura, rx });
  return desenhar("g", { class: `processo ${classe}` }, fundo);
}

function letras(x: number, y: number, texto: string, classe: string): SVGTextElement {
  const no = desenhar("text", { x, y, class: classe, "text-anchor": "middle" });
  dizer(no, texto);
  return no;
}
