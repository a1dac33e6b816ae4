/**
 * O painel em HTTP, só em 127.0.0.1: a página e os seus módulos, com os tipos tirados; o fluxo do
 * que acontece; e os pedidos. Uma página de outra origem não o pode ler nem lhe pode pedir nada.
 *
 * @module
 */

import { stripTypeScriptTypes } from "node:module";
import { textoDoErro } from "../../lib/texto.ts";
import type { Diario } from "./diario.ts";
import { lerPedido } from "./pedido.ts";
import type { Cena, Pedido } from "./tipos.ts";

/** Bytes de um pedido; além, é recusado. */
const PEDIDO_BYTES_MAX = 1024 * 1024;

/** De quanto em quanto se diz, no fluxo, que ele está vivo, em milissegundos. */
const VIDA_MS = 15_000;

/** Caracteres que uma página deixa por ler; além, o fluxo acaba, e ela que se ligue de novo. */
const POR_LER_MAX = 32_000_000;

/** Onde está a raiz do que se serve. */
const RAIZ = new URL("../../", import.meta.url);

/** O que se serve, além de `/`: o caminho pedido, e onde está. */
const PASTAS: readonly (readonly [RegExp, string])[] = [
  [/^\/pagina\/([\w.-]+)$/, "exemplos/painel/pagina/"],
  [/^\/(ferramentas\/diagrama\/[\w]+\.ts)$/, ""],
  [/^\/(lib\/texto\.ts)$/, ""],
  // A página importa os tipos do contrato, que ao tirá-los somem; um `import` só de tipos não chega.
  [/^\/(tipos\.ts)$/, "exemplos/painel/"],
];

/** Como se diz o que vai em cada arquivo. */
const TIPOS: { readonly [extensao: string]: string } = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  ts: "text/javascript; charset=utf-8",
};

const CABECALHOS = {
  "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; " +
    "form-action 'none'; object-src 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** O que se serve. */
export interface Servico {
  readonly diario: Diario;
  readonly cenas: readonly Cena[];
  /** @throws {Error} se não se pode, ou não agora. */
  pedir(pedido: Pedido): Promise<void>;
}

/** Um painel servido; ver {@linkcode servir}. */
export interface Servido extends AsyncDisposable {
  /** `http://127.0.0.1:PORTA/`. */
  readonly endereco: string;
}

/** Serve o painel em 127.0.0.1. @throws {Error} se a porta não pode ser usada. */
export function servir(porta: number, servico: Servico): Servido {
  const parada = new AbortController();
  const servidor = Deno.serve(
    { hostname: "127.0.0.1", port: porta, onListen() {} },
    async (pedido) => {
      const resposta = await responder(pedido, servidor.addr.port, servico, parada.signal);
      for (const [nome, valor] of Object.entries(CABECALHOS)) resposta.headers.set(nome, valor);
      return resposta;
    },
  );
  return {
    endereco: `http://127.0.0.1:${servidor.addr.port}/`,
    async [Symbol.asyncDispose]() {
      parada.abort();
      await servidor.shutdown();
    },
  };
}

function recusa(codigo: number, erro: string): Response {
  return Response.json({ erro }, { status: codigo });
}

async function responder(
  pedido: Request,
  porta: number,
  servico: Servico,
  parada: AbortSignal,
): Promise<Response> {
  const nossos = [`127.0.0.1:${porta}`, `localhost:${porta}`];
  const host = pedido.headers.get("host") ?? "";
  const origem = pedido.headers.get("origin");
  // Quem chega por outro nome (DNS que muda) ou de outra página não é de cá.
  if (!nossos.includes(host)) return recusa(403, "Host alheio");
  if (origem !== null && origem !== `http://${host}`) return recusa(403, "Origin alheio");
  const caminho = new URL(pedido.url).pathname;
  if (caminho === "/pedido") {
    if (pedido.method !== "POST") return recusa(405, "Só por POST");
    return await atenderPedido(pedido, servico);
  }
  if (pedido.method !== "GET") return recusa(405, "Só por GET");
  if (caminho === "/fluxo") return fluxo(servico.diario, parada);
  if (caminho === "/cenas") return Response.json(servico.cenas);
  return await arquivo(caminho === "/" ? "/pagina/index.html" : caminho);
}

async function atenderPedido(pedido: Request, servico: Servico): Promise<Response> {
  const tipo = pedido.headers.get("content-type") ?? "";
  if (!/^application\/json(;|$)/.test(tipo)) return recusa(415, "Só application/json");
  try {
    const texto = await lerCorpo(pedido);
    await servico.pedir(lerPedido(JSON.parse(texto)));
    return Response.json({});
  } catch (erro) {
    return recusa(400, textoDoErro(erro));
  }
}

/** O corpo de um pedido. @throws {RangeError} se é grande demais. */
async function lerCorpo({ body }: Request): Promise<string> {
  let texto = "";
  let bytes = 0;
  const decodificador = new TextDecoder("utf-8", { fatal: true });
  for await (const parte of body ?? []) {
    bytes += parte.length;
    if (bytes > PEDIDO_BYTES_MAX) {
      throw new RangeError(`Pedido recusado: o limite é ${PEDIDO_BYTES_MAX} bytes`);
    }
    texto += decodificador.decode(parte, { stream: true });
  }
  return texto + decodificador.decode();
}

async function arquivo(caminho: string): Promise<Response> {
  for (const [forma, pasta] of PASTAS) {
    const nome = forma.exec(caminho)?.[1];
    const tipo = TIPOS[nome?.split(".").at(-1) ?? ""];
    if (nome === undefined || tipo === undefined) continue;
    try {
      const texto = await Deno.readTextFile(new URL(pasta + nome, RAIZ));
      const corpo = nome.endsWith(".ts") ? stripTypeScriptTypes(texto) : texto;
      return new Response(corpo, { headers: { "content-type": tipo } });
    } catch (erro) {
      if (!(erro instanceof Deno.errors.NotFound)) throw erro;
    }
  }
  return recusa(404, "Não há");
}

/** O que aconteceu e o que for acontecendo, até a página se ir ou o painel acabar. */
function fluxo(diario: Diario, parada: AbortSignal): Response {
  const codificador = new TextEncoder();
  let acabar = () => {};
  const corpo = new ReadableStream<Uint8Array>({
    start(controlador) {
      let acabou = false;
      let calar = () => {};
      const mandar = (texto: string) => {
        if (acabou) return;
        controlador.enqueue(codificador.encode(texto));
        if ((controlador.desiredSize ?? 0) < -POR_LER_MAX) acabar();
      };
      const vida = setInterval(() => mandar(": vivo\n\n"), VIDA_MS);
      acabar = () => {
        if (acabou) return;
        acabou = true;
        clearInterval(vida);
        calar();
        parada.removeEventListener("abort", acabar);
        try {
          controlador.close();
        } catch {
          // A página já se tinha ido.
        }
      };
      parada.addEventListener("abort", acabar);
      mandar("retry: 500\n\n");
      calar = diario.ouvir(({ texto }) => mandar(texto));
      if (acabou) calar();
    },
    cancel: () => acabar(),
  }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
  return new Response(corpo, { headers: { "content-type": "text/event-stream" } });
}
