/**
 * As famílias de mensagens, cada uma com a sua cor, e as que o diagrama destaca.
 *
 * ```ts
 * import { familia } from "./familias.ts";
 *
 * if (familia({ tipo: "PUT" }) !== familia({ tipo: "PUT_OK" })) throw new Error("são da mesma");
 * ```
 *
 * @module
 */

import type { Conteudo } from "./setas.ts";

/** As famílias de mensagens, na ordem da legenda; um tipo que não está aqui é da de entrar no grupo. */
export const FAMILIAS = [
  { nome: "PUT, PUT_OK", cor: "#0969da", tipos: /^PUT(_OK)?$/ },
  { nome: "FORWARD", cor: "#b35900", tipos: /^FORWARD$/ },
  { nome: "REPLICATION, REPLICATION_OK", cor: "#8250df", tipos: /^REPLICATION(_OK)?$/ },
  { nome: "GET, GET_OK", cor: "#1a7f37", tipos: /^GET(_OK)?$/ },
  { nome: "TRY_OTHER_SERVER_OR_LATER", cor: "#d1242f", tipos: /^TRY_OTHER_SERVER_OR_LATER$/ },
  { nome: "ERRO", cor: "#a40e26", tipos: /^ERRO$/ },
  { nome: "PULSE, PULSE_OK", cor: "#8c959f", tipos: /^PULSE(_OK)?$/ },
  { nome: "entrar no grupo e ficar em dia", cor: "#57606a", tipos: /^/ },
] as const;

export function familia({ tipo }: Conteudo) {
  return FAMILIAS.find(({ tipos }) => tipos.test(tipo))!;
}

/** A mensagem que este diagrama mais quer mostrar. */
export const RECUSA = "TRY_OTHER_SERVER_OR_LATER";

export function destacada({ tipo }: Conteudo): boolean {
  return tipo === RECUSA || tipo === "ERRO";
}

/** Se uma mensagem é um sinal de vida. */
export function ehPulso({ tipo }: Conteudo): boolean {
  return tipo === "PULSE" || tipo === "PULSE_OK";
}
