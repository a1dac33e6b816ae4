/**
 * Perguntar alguma coisa por HTTP e receber um JSON, sem confiar em quem responde: com um prazo
 * para tudo, um limite de bytes, e cada falha numa frase.
 *
 * ```ts
 * import { pedirJson } from "./http.ts";
 *
 * const opcoes = { hostname: "127.0.0.1", port: 0, onListen() {} };
 * await using servico = Deno.serve(opcoes, () => Response.json({ keys: 3 }));
 * const { hostname, port } = servico.addr;
 * const keys = await pedirJson({ ip: hostname, porta: port }, "/estado", {
 *   prazo: 1_000,
 *   bytesMax: 1_000,
 *   aceitos: [200],
 *   ler: (json) => (json as { keys: number }).keys,
 * });
 * if (keys !== 3) throw new Error("não leu");
 * ```
 *
 * @module
 */

import { type Endereco, textoDoEndereco } from "./endereco.ts";
import { citar, noLimite, textoDoErro } from "./texto.ts";

/** O que se exige de uma resposta, e como se lê. */
export interface PedidoDeJson<T> {
  /** Quanto se espera pela resposta inteira, em milissegundos. */
  readonly prazo: number;
  /** Bytes de uma resposta; além, deixa-se de ler e é recusada. */
  readonly bytesMax: number;
  /** Os códigos HTTP que trazem o JSON; com qualquer outro, a resposta é recusada. */
  readonly aceitos: readonly number[];
  /** Faz do JSON o que se quer; o que lançar é o motivo da recusa. */
  ler(json: unknown): T;
}

/**
 * Pede em HTTP simples, sem TLS. Vai direto ao endereço: as variáveis de ambiente que apontam
 * um proxy não contam, e um redirecionamento não é seguido.
 *
 * @throws {Error} `sem resposta: …`, se não chegou nenhuma, ou não chegou inteira;
 * `resposta inesperada: …`, se chegou e não serve.
 */
export async function pedirJson<T>(
  endereco: Endereco,
  caminho: string,
  pedido: PedidoDeJson<T>,
): Promise<T> {
  const { codigo, texto } = await receber(endereco, caminho, pedido);
  try {
    if (!pedido.aceitos.includes(codigo)) throw new Error(`HTTP ${codigo}`);
    if (texto === undefined) throw new RangeError(noLimite("comprida demais", pedido.bytesMax));
    return pedido.ler(lerJson(texto));
  } catch (cause) {
    throw new Error(`resposta inesperada: ${textoDoErro(cause)}`, { cause });
  }
}

/** O código e o texto de uma resposta; o texto é `undefined` se não coube, e não se lê o que não se aceita. */
async function receber(
  endereco: Endereco,
  caminho: string,
  { prazo, bytesMax, aceitos }: Omit<PedidoDeJson<unknown>, "ler">,
): Promise<{ codigo: number; texto: string | undefined }> {
  const desistir = new AbortController();
  const temporizador = setTimeout(() => desistir.abort(), prazo);
  try {
    using direto = ligarDireto(endereco);
    const resposta = await fetch(`http://${textoDoEndereco(endereco)}${caminho}`, {
      client: direto,
      redirect: "manual",
      signal: desistir.signal,
    });
    const { status, body } = resposta;
    if (aceitos.includes(status)) return { codigo: status, texto: await lerAte(body, bytesMax) };
    await body?.cancel();
    return { codigo: status, texto: "" };
  } catch (cause) {
    const motivo = desistir.signal.aborted ? ` em ${prazo} ms` : `: ${textoDoFetch(cause)}`;
    throw new Error(`sem resposta${motivo}`, { cause });
  } finally {
    clearTimeout(temporizador);
  }
}

/** Com um "proxy" que é o próprio destino, o fetch não usa o que as variáveis de ambiente mandam. */
export function ligarDireto({ ip, porta }: Endereco): Deno.HttpClient {
  const hostname = ip.includes(":") ? `[${ip}]` : ip;
  return Deno.createHttpClient({ proxy: { transport: "tcp", hostname, port: porta } });
}

/** O texto de um corpo, se cabe; o resto do que não cabe não chega a ser lido. */
async function lerAte(corpo: Response["body"], bytesMax: number): Promise<string | undefined> {
  const decodificador = new TextDecoder();
  let texto = "";
  let bytes = 0;
  for await (const pedaco of corpo ?? []) {
    bytes += pedaco.length;
    if (bytes > bytesMax) return undefined;
    texto += decodificador.decode(pedaco, { stream: true });
  }
  return texto + decodificador.decode();
}

function lerJson(texto: string): unknown {
  try {
    return JSON.parse(texto);
  } catch (cause) {
    throw new SyntaxError(`não é JSON: ${citar(texto)}`, { cause });
  }
}

/** O que correu mal, sem o que o fetch põe à volta. */
export function textoDoFetch(erro: unknown): string {
  const { cause } = erro as Error;
  if (!(cause instanceof Error)) return textoDoErro(erro);
  return textoDoErro(new Error(cause.message.replace(/^.*: client error \(\w+\): /s, "")));
}
