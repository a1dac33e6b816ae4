/**
 * O etcd, pelo seu gateway JSON (etcd 3.4 e seguintes), com `fetch`: gravar e ler várias keys de
 * uma vez, ver o que muda, e saber se o membro responde e se conhece um líder.
 *
 * ```ts ignore
 * const etcd = abrirEtcd({ url: "http://127.0.0.1:2379", prefixo: "kv/" });
 * const revisao = await etcd.gravar([{ key: "cor", value: "azul" }], 5000);
 * const { versoes: [cor] } = await etcd.ler(["cor"], 5000); // { value: "azul", timestamp: revisao }
 * ```
 *
 * Um erro diz-se pelo `code` do gRPC, e não pelo estado HTTP nem pelo texto, que mudam de versão
 * para versão. O esquema de keys, `mod_revision` e transações é o da API v3 do etcd.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import { ligarDireto, textoDoFetch } from "../lib/http.ts";
import { type Certeza, falha } from "../lib/pedidos.ts";
import { visivel } from "../lib/texto.ts";

/** Onde está o etcd, e como se lhe fala. */
export interface OpcoesDoEtcd {
  /** `http://…` ou `https://…`, com a porta dos clientes. */
  readonly url: string;
  /** O que se põe antes de cada key. */
  readonly prefixo: string;
  /** A autoridade do certificado dele (PEM); sem ela, as do sistema. */
  readonly ca?: string | undefined;
  /** Quem se é, se o etcd o exige. */
  readonly usuario?: Usuario | undefined;
}

/** Um usuário do etcd. */
export interface Usuario {
  readonly nome: string;
  readonly senha: string;
}

/** O que se grava. */
export interface Par {
  readonly key: string;
  readonly value: string;
}

/** O que o etcd tem de uma key: o `mod_revision` é o timestamp. */
export interface Versao {
  /** `undefined`, não é texto UTF-8: escreveu-o outro programa. */
  readonly value: string | undefined;
  readonly timestamp: number;
}

/** Um membro do etcd; ver {@linkcode abrirEtcd}. Todos os prazos são em milissegundos. */
export interface Etcd {
  /**
   * Grava numa transação, cada key uma vez, e devolve a revisão: o timestamp de todas.
   *
   * @throws {Error} com `cause.definitivo`: se certamente não gravou nem gravará.
   */
  gravar(pares: readonly Par[], prazo: number): Promise<number>;
  /** Grava-as todas se nenhuma existe ainda; senão, `false` e nada. */
  gravarSeFaltam(pares: readonly Par[], prazo: number): Promise<boolean>;
  /** Lê deste membro, do mesmo instante, sem consultar os outros; uma key ausente é `undefined`. */
  ler(
    keys: readonly string[],
    prazo: number,
  ): Promise<{ revisao: number; versoes: (Versao | undefined)[] }>;
  /** Se o membro responde (senão, falha) e conhece um líder. */
  temLider(prazo: number): Promise<boolean>;
  /**
   * O que muda, por ordem, a partir de uma revisão, até o sinal; recomeça sozinho do que falta. O
   * que se compactou enquanto ninguém via não é mostrado.
   */
  ver(aoMudar: (par: Par & { timestamp: number }) => void, sinal: AbortSignal): Promise<void>;
  fechar(): void;
}

/** O `cause` de uma falha do etcd. */
export interface CausaDoEtcd extends Certeza {
  /** O código do gRPC; ausente, nem respondeu. */
  readonly codigo?: number | undefined;
}

const eDoEtcd = (erro: unknown) => Object.hasOwn((erro as Error).cause ?? {}, "definitivo");

/**
 * Códigos do gRPC de quem recusou antes de gravar: o pedido não teve nem terá efeito. O 8 não é um
 * deles: ao encher-se, o etcd grava o que já propusera, e responde que está cheio.
 */
const DEFINITIVOS = new Set([3, 7, 16]);

/** Os códigos do gRPC que se veem, em palavras nossas. */
const PALAVRAS: { readonly [codigo: number]: string } = {
  3: "não aceita este pedido",
  4: "não respondeu no prazo",
  7: "não deixa este usuário fazer isso",
  8: "está cheio, ou tem pedidos demais",
  14: "não está disponível: falta um líder, ou a maioria",
  16: "não reconhece este usuário",
};

/**
 * Códigos de quem já não aceita a sessão, por ter acabado ou por terem mudado os usuários: prova-se
 * de novo quem se é.
 */
const SEM_SESSAO = new Set([3, 16]);

/** Espera antes de voltar a ver o que muda, em milissegundos. */
const VER_DE_NOVO_MS = 200;

/** Quanto mais que o etcd se espera pela resposta dele, em milissegundos. */
const FOLGA_MS = 200;

/** O que o gateway responde, os campos que usamos; os inteiros vêm como texto, os zeros faltam. */
interface Resposta {
  readonly header?: { readonly revision?: string };
  readonly responses?: readonly { readonly "response_range"?: { readonly kvs?: readonly Kv[] } }[];
  readonly succeeded?: boolean;
  readonly leader?: string;
  readonly token?: string;
  readonly code?: number;
  readonly message?: string;
  readonly error?: string;
}

interface Kv {
  readonly key: string;
  readonly value?: string;
  readonly "mod_revision"?: string;
}

/** Uma linha do que `/v3/watch` vai mandando. */
interface Mudanca {
  readonly result?: {
    readonly header?: { readonly revision?: string };
    readonly canceled?: boolean;
    readonly "compact_revision"?: string;
    readonly events?: readonly { readonly type?: string; readonly kv?: Kv }[];
  };
}

const emBase64 = (texto: string) => new TextEncoder().encode(texto).toBase64();

const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** O texto de uns bytes em base64; `undefined`, não é UTF-8. */
function deBase64(base64 = ""): string | undefined {
  try {
    return decodificador.decode(Uint8Array.fromBase64(base64));
  } catch {
    return undefined;
  }
}

/** O fim de todas as keys que começam assim: o último byte, mais um. */
function fimDoPrefixo(prefixo: string): string {
  const bytes = new TextEncoder().encode(prefixo);
  if (bytes.length === 0) return "AA==";
  // Nenhum byte de UTF-8 é 255.
  bytes[bytes.length - 1]!++;
  return bytes.toBase64();
}

/** Direta, a um etcd em claro, que costuma ser o da própria máquina; em TLS, como o sistema mandar. */
function abrirLigacao({ protocol, hostname, port }: URL, ca: string | undefined) {
  if (protocol === "https:") {
    return Deno.createHttpClient(ca === undefined ? {} : { caCerts: [ca] });
  }
  return ligarDireto({ ip: hostname.replace(/^\[(.*)\]$/, "$1"), porta: Number(port || 80) });
}

/** Fala com um membro. Nada se envia até o primeiro pedido. */
export function abrirEtcd({ url, prefixo, ca, usuario }: OpcoesDoEtcd): Etcd {
  const base = url.replace(/\/+$/, "");
  const client = abrirLigacao(new URL(base), ca);
  let sessao: Promise<string> | undefined;

  /** A sessão de quem se é; `undefined`, não é preciso. */
  function entrar(prazo = 5_000): Promise<string> | undefined {
    if (!usuario) return undefined;
    const { nome: name, senha: password } = usuario;
    return sessao ??= pedirComo(undefined, "/v3/auth/authenticate", { name, password }, prazo).then(
      ({ token = "" }) => token,
      (erro) => {
        sessao = undefined;
        throw erro;
      },
    );
  }

  /** A próxima vez entra-se de novo, se entretanto ninguém o fez. */
  function sair(quem: Promise<string> | undefined): void {
    if (sessao === quem) sessao = undefined;
  }

  /** Um POST; a resposta por ler. */
  async function postar(
    caminho: string,
    corpo: unknown,
    { sinal, quem, prazo }: {
      sinal: AbortSignal;
      quem: Promise<string> | undefined;
      prazo?: number;
    },
  ) {
    const headers: { [nome: string]: string } = { "grpc-metadata-hasleader": "true" };
    if (prazo !== undefined) headers["grpc-timeout"] = `${Math.max(1, Math.round(prazo))}m`;
    if (quem) headers.authorization = await quem;
    const body = JSON.stringify(corpo);
    return await fetch(base + caminho, { method: "POST", body, headers, signal: sinal, client });
  }

  /** Um pedido e a sua resposta. @throws {Error} com {@linkcode CausaDoEtcd}. */
  async function pedirComo(
    quem: Promise<string> | undefined,
    caminho: string,
    corpo: unknown,
    prazo: number,
  ): Promise<Resposta> {
    let resposta: Resposta;
    // Um AbortSignal.timeout() por pedido ficaria à espera até ao fim, e custa o dobro.
    const desistir = new AbortController();
    const temporizador = setTimeout(() => desistir.abort(), prazo + FOLGA_MS);
    try {
      resposta = await (await postar(caminho, corpo, { sinal: desistir.signal, quem, prazo }))
        .json();
    } catch (erro) {
      if (eDoEtcd(erro)) throw erro;
      const motivo = desistir.signal.aborted ? "não responde" : textoDoFetch(erro);
      throw falha<CausaDoEtcd>(`o etcd: ${visivel(motivo)}`, { definitivo: false });
    } finally {
      clearTimeout(temporizador);
    }
    const { code, message, error } = resposta;
    if (code === undefined && error === undefined) return resposta;
    if (SEM_SESSAO.has(code ?? -1)) sair(quem);
    const dito = visivel(message ?? error ?? "");
    const palavras = PALAVRAS[code ?? -1] ?? "recusou o pedido";
    throw falha<CausaDoEtcd>(`o etcd ${palavras} (${dito})`, {
      definitivo: code !== undefined && DEFINITIVOS.has(code),
      codigo: code,
    });
  }

  /** Repete, uma vez, o que se recusou só por já não se conhecer a sessão. */
  async function pedirComSessao(caminho: string, corpo: unknown, prazo: number) {
    try {
      return await pedirComo(entrar(prazo), caminho, corpo, prazo);
    } catch (erro) {
      const { codigo = -1 } = (erro as Error).cause as CausaDoEtcd;
      if (!usuario || !SEM_SESSAO.has(codigo)) throw erro;
      return await pedirComo(entrar(prazo), caminho, corpo, prazo);
    }
  }

  const gravacoes = (pares: readonly Par[]) =>
    pares.map(({ key, value }) => ({
      request_put: { key: emBase64(prefixo + key), value: emBase64(value) },
    }));

  /** Uma ligação por onde chega o que muda desde uma revisão; devolve a próxima que falta. */
  async function verDesde(
    revisao: number | undefined,
    aoMudar: (par: Par & { timestamp: number }) => void,
    sinal: AbortSignal,
  ): Promise<number | undefined> {
    const pedido = {
      key: emBase64(prefixo) || "AA==",
      "range_end": fimDoPrefixo(prefixo),
      ...(revisao === undefined ? {} : { "start_revision": String(revisao) }),
    };
    const quem = entrar();
    const { body } = await postar("/v3/watch", { "create_request": pedido }, { sinal, quem });
    if (!body) return revisao;
    const linhas: ReadableStream<string> = body.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    const leitor = linhas.getReader();
    // O sinal dado ao fetch nem sempre acaba uma leitura que já vai a meio.
    const desistir = () => leitor.cancel().catch(() => {});
    sinal.addEventListener("abort", desistir);
    try {
      for (let lida; !(lida = await leitor.read()).done;) {
        const { result } = JSON.parse(lida.value) as Mudanca;
        if (!result) {
          // Um erro, de que não se distingue o da sessão: a próxima ligação terá outra.
          sair(quem);
          break;
        }
        // O que se compactou já não se pode ver: segue-se do que há.
        if (result.canceled) return Number(result.compact_revision ?? 0) || undefined;
        revisao ??= Number(result.header?.revision ?? 0) + 1;
        for (const { type, kv } of result.events ?? []) {
          revisao = Number(kv?.mod_revision ?? 0) + 1;
          const key = deBase64(kv?.key)?.slice(prefixo.length);
          const value = deBase64(kv?.value);
          if (type === "DELETE" || key === undefined || value === undefined) continue;
          aoMudar({ key, value, timestamp: revisao - 1 });
        }
      }
    } finally {
      sinal.removeEventListener("abort", desistir);
    }
    return revisao;
  }

  return {
    async gravar(pares, prazo) {
      const success = gravacoes(pares);
      // Uma só é um put simples, mais barato que uma transação.
      const { header } = success.length === 1
        ? await pedirComSessao("/v3/kv/put", success[0]!.request_put, prazo)
        : await pedirComSessao("/v3/kv/txn", { success }, prazo);
      return Number(header?.revision);
    },
    async gravarSeFaltam(pares, prazo) {
      const compare = pares.map(({ key }) => ({
        key: emBase64(prefixo + key),
        target: "CREATE",
        create_revision: "0",
      }));
      const corpo = { compare, success: gravacoes(pares) };
      const { succeeded = false } = await pedirComSessao("/v3/kv/txn", corpo, prazo);
      return succeeded;
    },
    async ler(keys, prazo) {
      const success = keys.map((key) => ({
        request_range: { key: emBase64(prefixo + key), serializable: true },
      }));
      const { header, responses = [] } = await pedirComSessao("/v3/kv/txn", { success }, prazo);
      const versoes = responses.map(({ response_range }) => {
        const kv = response_range?.kvs?.[0];
        return kv && { value: deBase64(kv.value), timestamp: Number(kv.mod_revision) };
      });
      return { revisao: Number(header?.revision ?? 0), versoes };
    },
    async temLider(prazo) {
      const { leader = "0" } = await pedirComSessao("/v3/maintenance/status", {}, prazo);
      return leader !== "0";
    },
    async ver(aoMudar, sinal) {
      let revisao: number | undefined;
      while (!sinal.aborted) {
        try {
          revisao = await verDesde(revisao, aoMudar, sinal);
        } catch {
          // O membro caiu, ou ainda não voltou: segue-se depois, da última revisão vista.
        }
        await new Promise((resolver) => setTimeout(resolver, VER_DE_NOVO_MS));
      }
    },
    fechar: () => client.close(),
  };
}
