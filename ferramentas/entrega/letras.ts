/**
 * As letras do PDF: onde estão os arquivos de cada uma, e se tem todos os caracteres de um texto.
 *
 * ```ts ignore
 * conferirLetra("Texto", "Relatório"); // falha se a letra não tem algum
 * pdfmake.setFonts({ Texto: arquivosDaLetra("Texto") });
 * ```
 *
 * @module
 */

import { createRequire } from "node:module";
// Estes dois são só letras: importá-los é o que faz Deno baixá-los.
import "npm:@expo-google-fonts/source-code-pro@0.4.1/package.json" with { type: "json" };
import "npm:@expo-google-fonts/source-serif-4@0.4.1/package.json" with { type: "json" };
import { create as abrirFonte } from "npm:fontkit@2.0.4";

/** As letras: Source Serif para ler e Source Code para o código, que tem as linhas dos desenhos. */
const LETRAS = {
  Texto: ["source-serif-4", "SourceSerif4"],
  Codigo: ["source-code-pro", "SourceCodePro"],
} as const;

/** Uma das letras, pelo nome com que o PDF a conhece. */
export type Letra = keyof typeof LETRAS;

const PESOS = {
  normal: "400Regular",
  bold: "600SemiBold",
  italics: "400Regular_Italic",
  bolditalics: "600SemiBold_Italic",
} as const;

const resolver = createRequire(import.meta.url).resolve;

/** O arquivo de cada peso de uma letra, com os nomes que `pdfmake` lhes dá. */
export function arquivosDaLetra(letra: Letra) {
  return {
    normal: arquivoDaLetra(letra, "normal"),
    bold: arquivoDaLetra(letra, "bold"),
    italics: arquivoDaLetra(letra, "italics"),
    bolditalics: arquivoDaLetra(letra, "bolditalics"),
  };
}

/** Falha se a letra não tem algum caractere: no PDF ele seria um quadrado vazio. */
export function conferirLetra(letra: Letra, texto: string): void {
  const fonte = abrirFonte(Deno.readFileSync(arquivoDaLetra(letra, "normal"))) as {
    hasGlyphForCodePoint(codigo: number): boolean;
  };
  const faltam = [...new Set(texto)].filter((c) => !fonte.hasGlyphForCodePoint(c.codePointAt(0)!));
  if (faltam.length > 0) {
    throw new Error(`A letra ${LETRAS[letra][1]} não tem: ${faltam.join(" ")}`);
  }
}

function arquivoDaLetra(letra: Letra, peso: keyof typeof PESOS): string {
  const [pacote, nome] = LETRAS[letra];
  return resolver(`@expo-google-fonts/${pacote}/${PESOS[peso]}/${nome}_${PESOS[peso]}.ttf`);
}
