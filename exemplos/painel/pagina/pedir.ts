/**
 * Os pedidos ao painel, e o que se diz quando um não deu.
 *
 * @module
 */

import type { Cena, Pedido } from "../tipos.ts";
import { achar, dizer } from "./nos.ts";

/** Quanto tempo, em milissegundos, fica à vista o que não deu. */
const AVISO_MS = 8_000;

let apagar: ReturnType<typeof setTimeout> | undefined;

/** Pede uma coisa ao painel; se ele a recusa, ou não responde, di-lo na página. */
export async function pedir(pedido: Pedido): Promise<void> {
  document.dispatchEvent(new Event("pediu"));
  try {
    const resposta = await fetch("/pedido", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(pedido),
    });
    if (resposta.ok) return;
    const { erro } = await resposta.json() as { erro?: string };
    avisar(`Não deu: ${erro ?? `o painel respondeu ${resposta.status}`}`);
  } catch (erro) {
    avisar(`Não deu: o painel não respondeu (${erro instanceof Error ? erro.message : erro})`);
  }
}

/** As cenas prontas; nenhuma, se o painel não as tem. */
export async function pedirCenas(): Promise<readonly Cena[]> {
  try {
    const resposta = await fetch("/cenas");
    return resposta.ok ? await resposta.json() as readonly Cena[] : [];
  } catch (erro) {
    avisar(`Sem cenas: ${erro instanceof Error ? erro.message : erro}`);
    return [];
  }
}

/** Mostra um aviso, e diz-lo a quem ouve a página. */
export function avisar(texto: string): void {
  const aviso = achar("aviso");
  dizer(aviso, texto);
  clearTimeout(apagar);
  apagar = setTimeout(() => dizer(aviso, ""), AVISO_MS);
}
