/**
 * O que fica em volta dos quadros: em cima o título e os processos, embaixo a legenda.
 *
 * `desenhar()` põe {@linkcode cabecalho} no alto do papel e {@linkcode legenda} no fim.
 *
 * @module
 */

import { larguraDe } from "./dizeres.ts";
import { familia, FAMILIAS } from "./familias.ts";
import { CINZA, ehCliente, LARGURA, MARGEM, type Papel } from "./papel.ts";
import type { Seta } from "./setas.ts";
import { casas, escapar } from "./svg.ts";

/** A altura do cabeçalho, em pixels: os nomes dos processos, e o título se há um. */
export const ALTURA_DO_CABECALHO = { semTitulo: 62, comTitulo: 118 } as const;

/** O título, se há um, e um retângulo com o nome de cada processo no alto da sua linha. */
export function cabecalho({ colunas, nomes }: Papel, titulo: string | undefined): string {
  const topo = titulo === undefined ? 12 : 68;
  const partes = titulo === undefined ? [] : [
    `<text x="${MARGEM.lado}" y="30" font-size="18" font-weight="bold">${escapar(titulo)}</text>`,
    `<text x="${MARGEM.lado}" y="50" font-size="12" fill="${CINZA}">O tempo desce. Cada seta é ` +
    `uma Mensagem, da hora em que saiu à hora em que chegou. À esquerda, os milissegundos de ` +
    `verdade.</text>`,
  ];
  for (const [quem, x] of colunas) {
    const { nome, onde } = nomes.get(quem)!;
    const meia = 72;
    partes.push(
      `<rect x="${casas(x - meia)}" y="${topo}" width="${casas(2 * meia)}" height="38" rx="6"` +
        ` fill="${ehCliente(quem) ? "#f6f8fa" : "#ddf4ff"}" stroke="#8c959f"/>`,
      `<text x="${casas(x)}" y="${topo + 16}" text-anchor="middle" font-size="12.5"` +
        ` font-weight="bold">${escapar(nome)}</text>`,
      `<text x="${casas(x)}" y="${topo + 31}" text-anchor="middle" fill="${CINZA}">` +
        `${escapar(onde)}</text>`,
    );
  }
  return partes.join("\n");
}

/** A altura da legenda, em pixels. */
export const ALTURA_DA_LEGENDA = 92;

/** As famílias que aparecem, e o que querem dizer as barras, os tocos e os zigue-zagues. */
export function legenda(setas: readonly Seta[], y: number): string {
  const partes = [
    `<path d="M${MARGEM.lado} ${y}H${LARGURA - MARGEM.lado}" stroke="#d1d9e0"/>`,
  ];
  let [x, linha] = [MARGEM.lado, y + 24];
  for (const { nome, cor } of FAMILIAS) {
    if (!setas.some(({ mensagem }) => familia(mensagem).nome === nome)) continue;
    const largura = 34 + larguraDe([{ texto: nome, ehTipo: true }]);
    if (x + largura > LARGURA - MARGEM.lado) [x, linha] = [MARGEM.lado, linha + 20];
    partes.push(
      `<path d="M${casas(x)} ${linha}h22" stroke="${cor}" stroke-width="2"/>` +
        `<path d="M${casas(x + 28)} ${linha}l-8 3.4v-6.8Z" fill="${cor}"/>` +
        `<text x="${casas(x + 34)}" y="${linha + 4}">${nome}</text>`,
    );
    x += largura + 14;
  }
  const semPar = setas.some(({ saida, chegada }) => saida === undefined || chegada === undefined);
  const explica = "Barra sobre uma linha: um pedido que esse servidor ainda não respondeu. " +
    "Zigue-zague: uma espera, encolhida; na régua, de quanto." +
    (semPar ? " Tracejada: a outra ponta não está nos rastros." : "");
  partes.push(`<text x="${MARGEM.lado}" y="${linha + 30}" fill="${CINZA}">${explica}</text>`);
  return partes.join("\n");
}
