/**
 * Uma sessão: manda bytes numa conexão, de uma de várias maneiras, e confere o que volta.
 *
 * @module
 */

import type { Json } from "../apoio.ts";
import { pausar } from "../falhas/acaso.ts";
import { contar, discar, escrever, fechar } from "./comum.ts";
import { conferir, type Esperadas } from "./leitor.ts";

/** Uma sessão que passe disto pendeu, em milissegundos: mais que o prazo de um PUT. */
const SESSAO_MS = 30_000;

/** Como uma sessão acaba: a metade fechada, todas as respostas lidas, sumindo, ou sem ler nada. */
export const ACABARES = ["metade", "metade", "metade", "lidas", "some", "cala"] as const;

/** Manda os bytes e confere o que volta; devolve o que há de errado. */
export async function sessao(
  endereco: string,
  bytes: Uint8Array,
  esperadas: Esperadas,
  acabar: typeof ACABARES[number],
  pedacos: readonly number[],
  respostas: Map<string, number>,
): Promise<string | undefined> {
  const conn = await discar(endereco);
  conn.setNoDelay(true);
  const enviar = async () => {
    let inicio = 0;
    for (const fim of [...pedacos, bytes.length]) {
      await escrever(conn, bytes.subarray(inicio, fim));
      inicio = fim;
      if (fim < bytes.length) await pausar(0);
    }
  };
  if (acabar === "some" || acabar === "cala") {
    const envio = enviar().catch(() => {});
    // Calado, dá tempo ao servidor de responder a quem não lê.
    const temporizador = setTimeout(() => fechar(conn), 200);
    if (acabar === "cala") await pausar(50);
    await envio;
    clearTimeout(temporizador);
    fechar(conn);
    return undefined;
  }

  const vindas: Json[] = [];
  const faltam = acabar === "lidas" && esperadas.fecha === undefined
    ? esperadas.total - (esperadas.meia ? 1 : 0)
    : Infinity;
  let pendeu = false;
  const temporizador = setTimeout(() => {
    pendeu = true;
    fechar(conn);
  }, SESSAO_MS);
  const ler = async () => {
    const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const buffer = new Uint8Array(64 * 1024);
    const partes: string[] = [];
    while (vindas.length < faltam) {
      const n = await conn.read(buffer);
      if (n === null) break;
      const pedaco = decodificador.decode(buffer.subarray(0, n), { stream: true });
      partes.push(pedaco);
      if (!pedaco.includes("\n")) continue;
      const linhas = partes.splice(0).join("").split("\n");
      partes.push(linhas.pop()!);
      for (const linha of linhas) {
        const lido: Json = JSON.parse(linha);
        for (const item of Array.isArray(lido) ? lido : [lido]) vindas.push(item);
      }
    }
    if (partes.join("") !== "") throw new Error("a conexão acabou em meia linha");
  };
  try {
    const leitura = ler();
    leitura.catch(() => {});
    // Se o servidor fechou antes de ler tudo, o que importa é o que respondeu.
    await enviar().catch(() => {});
    if (faltam === Infinity) await conn.closeWrite().catch(() => {});
    await leitura;
  } catch (erro) {
    if (!pendeu) return `${(erro as Error).message}, depois de ${vindas.length} respostas`;
  } finally {
    clearTimeout(temporizador);
    fechar(conn);
  }
  for (const { tipo } of vindas) contar(respostas, tipo);
  if (pendeu) return `pendeu: ${vindas.length} respostas de ${esperadas.total}`;
  if (faltam === Infinity) return conferir(esperadas, vindas);
  return esperadas.meia ? undefined : conferir(esperadas, vindas);
}
