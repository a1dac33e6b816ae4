/**
 * A aparência do PDF: as medidas da página, as cores, e o estilo de cada espécie de bloco.
 *
 * conteudo.ts diz o estilo de cada bloco pelo nome, e pdf.ts dá a `pdfmake` o que ele quer dizer.
 *
 * @module
 */

// @ts-types="npm:@types/pdfmake@0.3.3"
import type pdfmake from "npm:pdfmake@0.3.11";

/** Um documento, e um bloco dele, como `pdfmake` os quer. */
export type Documento = Parameters<typeof pdfmake.createPdf>[0];
export type Conteudo = Exclude<Documento["content"], undefined>;

/** A folha, e as margens do que se escreve nela, em pontos. */
export const PAGINA = { largura: 595.28, margem: 62, topo: 64, rodape: 66 } as const;

/** As cores. */
export const COR = {
  texto: "#1c1c1c",
  titulo: "#12354f",
  citacao: "#1d5f8a",
  fundo: "#f4f5f7",
} as const;

/** O estilo de cada espécie de bloco, pelo nome. */
export const ESTILOS: NonNullable<Documento["styles"]> = {
  titulo1: { fontSize: 23, bold: true, color: COR.titulo, margin: [0, 0, 0, 8], lineHeight: 1.1 },
  titulo2: {
    fontSize: 15.5,
    bold: true,
    color: COR.titulo,
    margin: [0, 20, 0, 7],
    lineHeight: 1.1,
  },
  titulo3: { fontSize: 12, bold: true, color: COR.titulo, margin: [0, 11, 0, 4], lineHeight: 1.1 },
  paragrafo: { margin: [0, 0, 0, 7], alignment: "left" },
  lista: { margin: [0, 0, 0, 7] },
  item: { margin: [0, 0, 0, 3] },
  codigo: { margin: [0, 2, 0, 10] },
  tabela: { margin: [0, 2, 0, 11], fontSize: 9.6, lineHeight: 1.12 },
  cabecalho: { bold: true, color: COR.titulo },
  celula: {},
  indice: { fontSize: 13, bold: true, color: COR.titulo, margin: [0, 14, 0, 4] },
  indice2: { bold: true, fontSize: 10, lineHeight: 1 },
  indice3: { fontSize: 10, lineHeight: 1 },
};
