/**
 * O desenho de um quadro, em SVG: as linhas dos processos, a régua, as barras, as setas e os rótulos.
 *
 * `desenhar()` chama {@linkcode desenharQuadro} para cada quadro que `montar()` fez.
 *
 * @module
 */

import { SALTO_MS } from "./escala.ts";
import { destacada, familia, RECUSA } from "./familias.ts";
import { CINZA, LETRA, MARGEM, type Papel } from "./papel.ts";
import type { Quadro } from "./quadro.ts";
import type { Texto } from "./rotulos.ts";
import type { Conteudo, Seta } from "./setas.ts";
import { casas, duracao, escapar, milissegundos } from "./svg.ts";
import type { Traco } from "./tracos.ts";

/** Tudo o que há num quadro; o título, numerado, e os nomes outra vez, em todos menos o primeiro. */
export function desenharQuadro(quadro: Quadro, papel: Papel, titulo: string, n: number): string {
  const topo = Math.round(quadro.ys[0]! - 22);
  const fim = quadro.altura - 14;
  const partes = titulo === "" ? [] : [
    `<path d="M${MARGEM.lado} 4H${papel.largura - MARGEM.lado}" stroke="#d1d9e0"/>`,
    `<text x="${MARGEM.lado}" y="23" font-size="14" font-weight="bold">${n + 1}. ` +
    `${escapar(titulo)}</text>`,
  ];
  for (const [quem, x] of papel.colunas) {
    partes.push(`<path d="M${casas(x)} ${topo}V${casas(fim)}" stroke="#8c959f"/>`);
    if (n === 0 || titulo === "") continue;
    partes.push(
      `<text x="${casas(x)}" y="${topo - 3}" text-anchor="middle" font-size="10"` +
        ` fill="${CINZA}">${escapar(papel.nomes.get(quem)!.nome)}</text>`,
    );
  }
  partes.push(...barras(quadro), ...regua(quadro, papel));
  partes.push(...quadro.tracos.map((traco) => desenharTraco(traco)));
  partes.push(...quadro.tracos.map(({ seta }, k) => desenharRotulo(seta, quadro.rotulos[k]!)));
  return partes.join("\n");
}

/** Uma barra sobre a linha de um servidor, do pedido que chega à resposta que sai. */
function barras({ tracos }: Quadro): string[] {
  return tracos.flatMap(({ seta: pedido, x2: x, y2: y }) => {
    const { chegada, mensagem } = pedido;
    if (chegada === undefined || /_OK$/.test(mensagem.tipo)) return [];
    const volta = pedido.fio.split(" → ").reverse().join(" → ");
    const resposta = tracos.find(({ seta }) =>
      seta.fio === volta && seta.saida !== undefined && seta.saida >= chegada &&
      responde(seta.mensagem, mensagem)
    );
    if (resposta === undefined) return [];
    return [
      `<rect class="barra" x="${casas(x - 4)}" y="${casas(y)}" width="8"` +
      ` height="${casas(resposta.y1 - y)}" fill="${familia(mensagem).cor}" fill-opacity="0.28"/>`,
    ];
  });
}

function responde(resposta: Conteudo, pedido: Conteudo): boolean {
  if (pedido.id !== undefined) return resposta.id === pedido.id;
  return resposta.tipo === "REPLICATION_OK" &&
    Number(resposta.timestamp) >= Number(pedido.timestamp);
}

/** Onde fica a régua, e o mínimo entre dois números seus. */
const REGUA = { x: 62, entre: 12 } as const;

/** Os milissegundos de cada evento, os que couberem, e as esperas encolhidas. */
function regua({ horas, ys }: Quadro, { colunas }: Papel): string[] {
  const partes = [
    `<path d="M${REGUA.x + 6} ${casas(ys[0]!)}V${casas(ys.at(-1)!)}" stroke="#8c959f"/>`,
  ];
  const escrever = (y: number, texto: string, estilo = "") =>
    `<text x="${REGUA.x}" y="${casas(y + 3.5)}" text-anchor="end" font-size="10"` +
    ` fill="${CINZA}"${estilo}>${texto}</text>`;
  let [ultimo, ultimoTexto] = [-Infinity, ""];
  horas.forEach((hora, n) => {
    const y = ys[n]!;
    const espera = n === 0 ? 0 : hora - horas[n - 1]!;
    if (espera >= SALTO_MS) {
      const meio = (y + ys[n - 1]!) / 2;
      for (const x of [REGUA.x + 6, ...colunas.values()]) partes.push(ziguezague(x, meio));
      partes.push(escrever(meio, `⋯ ${duracao(espera)}`, ` font-weight="bold"`));
      ultimo = meio;
    }
    partes.push(`<path d="M${REGUA.x + 3} ${casas(y)}h6" stroke="#8c959f"/>`);
    const texto = n === 0 ? "0 ms" : milissegundos(hora - horas[0]!);
    if (y - ultimo < REGUA.entre || texto === ultimoTexto) return;
    partes.push(escrever(y, texto));
    [ultimo, ultimoTexto] = [y, texto];
  });
  return partes;
}

/** A marca de uma espera encolhida, que interrompe uma linha. */
function ziguezague(x: number, y: number): string {
  const de = `M${casas(x)} ${casas(y - 6)}`;
  return `<path d="${de}v12" stroke="white" stroke-width="3"/>` +
    `<path d="${de}l4 2l-8 4l8 4l-4 2" fill="none" stroke="#8c959f"/>`;
}

function desenharTraco({ seta, x1, y1, x2, y2 }: Traco): string {
  const { saida, chegada, mensagem } = seta;
  const cor = familia(mensagem).cor;
  const semPar = saida === undefined || chegada === undefined;
  const forte = mensagem.tipo === RECUSA;
  const comprimento = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [dx, dy] = [(x2 - x1) / comprimento, (y2 - y1) / comprimento];
  const ponta = (recuo: number, lado: number) =>
    `${casas(x2 - recuo * dx - lado * dy)} ${casas(y2 - recuo * dy + lado * dx)}`;
  const tracejado = semPar ? ` stroke-dasharray="4 3"` : "";
  const classe = `seta${semPar ? " sem-par" : ""}${forte ? " recusa" : ""}`;
  return `<g class="${classe}" fill="${cor}"><title>${escapar(porExtenso(seta))}</title>` +
    `<path d="M${casas(x1)} ${casas(y1)}L${ponta(5, 0)}" stroke="${cor}"` +
    ` stroke-width="${forte ? 2.4 : 1.3}"${tracejado}/>` +
    (saida === undefined ? "" : `<circle cx="${casas(x1)}" cy="${casas(y1)}" r="2.6"/>`) +
    `<path d="M${ponta(0, 0)}L${ponta(8, 3.4)}L${ponta(8, -3.4)}Z"/></g>`;
}

/** O que se lê com o mouse sobre a seta, num navegador; sem o token, que é segredo dos servidores. */
function porExtenso({ mensagem, saida, chegada }: Seta): string {
  const json = JSON.stringify(mensagem, (campo, valor) => campo === "token" ? "…" : valor);
  const voo = saida === undefined || chegada === undefined
    ? "sem par nos rastros"
    : duracao(chegada - saida);
  return `${json.length <= 300 ? json : json.slice(0, 300) + "…"} · ${voo}`;
}

function desenharRotulo({ mensagem }: Seta, textos: readonly Texto[]): string {
  const cor = familia(mensagem).cor;
  return textos.map(({ partes, largura, x, y, angulo }) => {
    const graus = casas(angulo * 180 / Math.PI);
    const giro = graus === "0" ? "" : ` transform="rotate(${graus} ${casas(x)} ${casas(y)})"`;
    const spans = partes.map(({ texto, ehTipo }) => {
      const peso = ehTipo || destacada(mensagem) ? "bold" : "normal";
      const fill = ehTipo || destacada(mensagem) ? cor : "#1f2328";
      return `<tspan fill="${fill}" font-weight="${peso}">${escapar(texto)}</tspan>`;
    });
    const emoldurado = mensagem.tipo === RECUSA && partes[0]!.ehTipo;
    const moldura = emoldurado
      ? `<rect x="${casas(x - largura / 2 - 1)}" y="${casas(y - 8)}"` +
        ` width="${casas(largura + 2)}" height="16" rx="4" fill="#ffebe9" stroke="${cor}"${giro}/>`
      : "";
    const halo = emoldurado
      ? ""
      : ` stroke="white" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke"`;
    return `${moldura}<text x="${casas(x)}" y="${casas(y + LETRA * 0.36)}" text-anchor="middle"` +
      `${giro}${halo}>${spans.join(" ")}</text>`;
  }).join("");
}
