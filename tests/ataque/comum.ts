/**
 * O que as peças da bancada de ataque têm em comum: os limites do contrato, as keys que ninguém
 * pode mudar, e conexões cruas.
 *
 * @module
 */

import { lerEndereco } from "../../lib/endereco.ts";

/** Os limites do contrato, que se põem à prova dos dois lados. */
export const LINHA_BYTES_MAX = 1024 * 1024;
export const KEY_BYTES_MAX = 1024;

/** Keys que ninguém escreve depois do começo, e as do cliente normal. */
export const CANARIOS = 50;
export const NORMAIS = 20;

/** A key com um value de 900 KB, que os gulosos pedem. */
export const GORDA = "canário gordo";
export const GORDO = "g".repeat(900 * 1024);

/** Conexões ao mesmo tempo: as sessões de entradas, e as que antes aquecem os servidores. */
export const SESSOES = 8;

export const codificador = new TextEncoder();

/** Conta mais um com este nome. */
export function contar(mapa: Map<string, number>, nome: string): void {
  mapa.set(nome, (mapa.get(nome) ?? 0) + 1);
}

/** As keys e os values de quem só se lê, e as keys do cliente normal. */
export const keyDoCanario = (n: number) => `canário ${n}`;
const valueDoCanario = (n: number) => `intocado ${n}`;
export const keyNormal = (n: number) => `normal ${n}`;

/** Tudo o que ninguém pode mudar: o value de cada key. */
export const CANARIO = new Map([
  ...Array.from({ length: CANARIOS }, (_, n) => [keyDoCanario(n), valueDoCanario(n)] as const),
  [GORDA, GORDO] as const,
]);

/** Um valor como uma linha do protocolo. */
export function linha(valor: unknown): string {
  return JSON.stringify(valor) + "\n";
}

/** Uma conexão crua com um servidor. */
export async function discar(endereco: string): Promise<Deno.TcpConn> {
  const { ip, porta } = lerEndereco(endereco);
  return await Deno.connect({ hostname: ip, port: porta });
}

/** Fecha uma conexão que talvez já esteja fechada. */
export function fechar(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Já fechada.
  }
}

/** Escreve todos os bytes. */
export async function escrever(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
}
