/**
 * Ler um {@linkcode Pedido} da página, campo a campo.
 *
 * ```ts
 * import { lerPedido } from "./pedido.ts";
 *
 * const pedido = lerPedido({ pedir: "passo", ligado: true, outro: 1 });
 * if (JSON.stringify(pedido) !== '{"pedir":"passo","ligado":true}') throw new Error("não leu");
 * ```
 *
 * @module
 */

import { inteiro, type Leitor, objeto, opcional, simOuNao, texto, umDe } from "../../lib/forma.ts";
import { ATRASO_MS_MAX } from "./elos.ts";
import type { Pedido } from "./tipos.ts";

const quem = texto(100);
const key = texto(1024);
const servidor = opcional<string | undefined>(quem, undefined);

/** Milissegundos de atraso. */
const ms: Leitor<number> = (valor, nome) => {
  const lido = inteiro(valor, nome);
  if (lido > ATRASO_MS_MAX) throw new RangeError(`${nome} é no máximo ${ATRASO_MS_MAX}: ${lido}`);
  return lido;
};

/** O resto de cada pedido. */
const LEITORES: { readonly [P in Pedido["pedir"]]: Leitor<object> } = {
  PUT: objeto({ cliente: quem, key, value: texto(1024 * 1024), servidor }),
  GET: objeto({ cliente: quem, key, servidor }),
  "atraso-elo": objeto({ de: quem, para: quem, sentido: umDe("ida", "volta", "os dois"), ms }),
  "atraso-servidor": objeto({ servidor: quem, ms }),
  "atraso-tudo": objeto({ ms }),
  cortar: objeto({ de: quem, para: quem }),
  sarar: objeto({ de: quem, para: quem }),
  matar: objeto({ servidor: quem }),
  iniciar: objeto({ servidor: quem, dados: simOuNao }),
  passo: objeto({ ligado: simOuNao }),
  pulsos: objeto({ ligado: simOuNao }),
  proxima: objeto({ id: opcional<number | undefined>(inteiro, undefined) }),
  cena: objeto({ cena: texto(100) }),
  recomecar: objeto({}),
};

/** Lê um pedido. @throws {TypeError | RangeError} se não é um. */
export function lerPedido(json: unknown): Pedido {
  const nomes = Object.keys(LEITORES) as Pedido["pedir"][];
  const { pedir } = objeto({ pedir: umDe(...nomes) })(json, "O pedido");
  const campos = Object.entries(LEITORES[pedir](json, "O pedido"));
  return {
    pedir,
    ...Object.fromEntries(campos.filter(([, valor]) => valor !== undefined)),
  } as Pedido;
}
