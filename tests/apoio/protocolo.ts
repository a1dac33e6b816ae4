/**
 * Falar o protocolo à mão: pedidos, e fazer-se de líder de um servidor de verdade.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Fio, iniciarGrupo } from "../apoio.ts";

/** Um pedido de PUT. */
export const put = (id: number, key: string, value: string) => ({ tipo: "PUT", id, key, value });

/** Um pedido de GET. */
export const get = (id: number, key: string, timestamp?: number) => ({
  tipo: "GET",
  id,
  key,
  timestamp,
});

/** Um servidor só, que confirma na hora: para o que não depende dos outros. */
export const iniciarSozinho = () => iniciarGrupo(0);

/** Faz-se de líder de um servidor de verdade; devolve o fio por onde replicar. */
export async function liderar(ouvinte: Deno.TcpListener): Promise<{ fio: Fio; join: Fio }> {
  const join = await Fio.aceitar(ouvinte);
  const { endereco, token } = await join.receber();
  const fio = await Fio.abrir(endereco);
  assertEquals((await fio.pedir({ tipo: "LEADER", id: 1, token })).tipo, "LEADER_OK");
  return { fio, join };
}
