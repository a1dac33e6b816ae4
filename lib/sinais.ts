/**
 * Pedidos de fim: Ctrl-C, e os sinais que o sistema tiver. O primeiro para em ordem; o segundo,
 * na hora. Suspender (Ctrl-Z) não se atende: quem parasse assim deixaria os outros à espera.
 *
 * ```ts ignore
 * atenderSinais(() => servidor.parar());
 * ```
 *
 * @module
 */

/** Sinais a menos que isto do primeiro, em milissegundos, são o mesmo Ctrl-C. */
const REPETIDO_MS = 100;

/**
 * Chama `parar` no primeiro pedido de fim; no segundo, sai com 130. Um terminal manda Ctrl-C a
 * todos os processos, e um que começou outro o pode repassar: os que vêm juntos são um só.
 */
export function atenderSinais(parar: () => void): void {
  let primeiro: number | undefined;
  const atender = () => {
    const agora = performance.now();
    if (primeiro === undefined) parar();
    else if (agora - primeiro > REPETIDO_MS) Deno.exit(130);
    primeiro ??= agora;
  };
  const sinais: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  if (Deno.build.os === "windows") sinais.push("SIGBREAK");
  else Deno.addSignalListener("SIGTSTP", () => {});
  for (const sinal of sinais) Deno.addSignalListener(sinal, atender);
}
