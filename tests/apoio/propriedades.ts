/**
 * Propriedades, com `fast-check`: o que vale para todo valor, e não só para os que vieram à
 * cabeça de quem escreveu o teste.
 *
 * @module
 */

import fc from "npm:fast-check@4.10.2";

/** Verifica uma propriedade; numa falha, fast-check mostra a semente e o menor contraexemplo. */
export function verificar<T>(
  arbitrario: fc.Arbitrary<T>,
  propriedade: (valor: T) => void | Promise<void>,
) {
  return fc.assert(fc.asyncProperty(arbitrario, async (valor) => await propriedade(valor)), {
    numRuns: 300,
  });
}

/** Um texto qualquer, de qualquer caractere. */
export const texto = fc.string({ unit: "binary" });

/** Os bytes de um texto. */
export const utf8 = (texto: string) => new TextEncoder().encode(texto);
