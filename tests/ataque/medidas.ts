/**
 * Quanta memória um servidor ocupa, vista de fora e vista pelo inspetor do V8.
 *
 * @module
 */

import type { Programa } from "../apoio.ts";

/** Memória residente de um processo, em MiB; `NaN` onde não há `ps`. */
export async function memoriaDe(pid: number): Promise<number> {
  try {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] })
      .output();
    return parseInt(new TextDecoder().decode(stdout)) / 1024;
  } catch {
    return NaN;
  }
}

/** A memória residente de cada programa, em MiB. */
export function memorias(programas: readonly Programa[]): Promise<number[]> {
  return Promise.all(programas.map(({ pid }) => memoriaDe(pid)));
}

/** Manda o V8 de um processo recolher o lixo, pelo inspetor dele; devolve o que ficou, em MiB. */
export async function memoriaViva(portaDoInspetor: number): Promise<number> {
  const alvos = await (await fetch(`http://127.0.0.1:${portaDoInspetor}/json`)).json();
  const inspetor = new WebSocket(alvos[0].webSocketDebuggerUrl);
  const evento = (nome: "open" | "message" | "close") =>
    new Promise<Event>((resolver) => inspetor.addEventListener(nome, resolver, { once: true }));
  await evento("open");
  let ultimo = 0;
  const pedir = async (method: string) => {
    const id = ++ultimo;
    inspetor.send(JSON.stringify({ id, method }));
    for (;;) {
      const lida = JSON.parse((await evento("message") as MessageEvent<string>).data);
      if (lida.id === id) return lida.result;
    }
  };
  await pedir("HeapProfiler.enable");
  await pedir("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await pedir("Runtime.getHeapUsage");
  inspetor.close();
  await evento("close");
  return (usedSize + backingStorageSize) / 2 ** 20;
}
