/**
 * O relatório em PDF: a página, as letras e o rodapé em volta do que conteudo.ts monta.
 *
 * ```ts ignore
 * const relatorio = numerar(await lerRelatorio(), await lerFontes());
 * const pdf = await fazerPdf(relatorio, { nome: "Ana", ra: "1", video: "https://…" });
 * await Deno.writeFile("relatorio.pdf", pdf);
 * ```
 *
 * @module
 */

// @ts-types="npm:@types/pdfmake@0.3.3"
import pdfmake from "npm:pdfmake@0.3.11";
import { COR, ESTILOS, PAGINA } from "./aparencia.ts";
import { type Campos, Montador } from "./conteudo.ts";
import { arquivosDaLetra, conferirLetra } from "./letras.ts";

/** O relatório em PDF, a partir do Markdown com as citações já numeradas. */
export async function fazerPdf(markdown: string, campos: Campos): Promise<Uint8Array> {
  const montador = new Montador(campos);
  const content = montador.documento(markdown);
  const quem = `${campos.nome} · RA ${campos.ra}`;
  conferirLetra("Texto", montador.usados.Texto + quem);
  conferirLetra("Codigo", montador.usados.Codigo);
  pdfmake.setFonts({ Texto: arquivosDaLetra("Texto"), Codigo: arquivosDaLetra("Codigo") });
  // O índice é uma tabela sem linhas: com o espaço de costume, não caberia na primeira página.
  pdfmake.setTableLayouts({
    noBorders: {
      hLineWidth: () => 0,
      vLineWidth: () => 0,
      paddingLeft: () => 0,
      paddingRight: () => 0,
      paddingTop: () => 0.9,
      paddingBottom: () => 0.9,
    },
  });
  pdfmake.setUrlAccessPolicy(() => false);
  pdfmake.setLocalAccessPolicy((caminho) => caminho.endsWith(".ttf"));
  const buffer = await pdfmake.createPdf({
    info: { title: "Relatório: KV Store replicado", author: campos.nome },
    language: "pt-BR",
    pageSize: "A4",
    pageMargins: [PAGINA.margem, PAGINA.topo, PAGINA.margem, PAGINA.rodape],
    defaultStyle: { font: "Texto", fontSize: 10.6, lineHeight: 1.22, color: COR.texto },
    styles: ESTILOS,
    footer: (pagina: number, paginas: number) => ({
      columns: [
        { text: quem, color: "#6b7278" },
        { text: `${pagina} / ${paginas}`, alignment: "right", color: "#6b7278" },
      ],
      margin: [PAGINA.margem, 28, PAGINA.margem, 0],
      fontSize: 8.6,
    }),
    content,
  }).getBuffer();
  return new Uint8Array(buffer);
}
