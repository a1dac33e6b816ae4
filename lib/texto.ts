/**
 * Mostrar e citar texto alheio, e dizer erros em palavras nossas.
 *
 * ```ts
 * import { citar, visivel } from "./texto.ts";
 *
 * if (visivel("a\nb") !== "a\\nb") throw new Error("o fim de linha não ficou à vista");
 * if (citar("x".repeat(99)).length > 45) throw new Error("não encurtou");
 * ```
 *
 * @module
 */

/** Caracteres de um texto alheio repetidos numa mensagem de erro; o resto é cortado. */
const CITACAO_MAX = 40;

// Controles (C0, DEL, C1), separadores de linha e inversores de direção: tudo o
// que, vindo de fora, forjaria uma linha ou mandaria no terminal.
const INVISIVEIS = String.raw`[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]`;
const CADA_INVISIVEL = new RegExp(INVISIVEIS, "g");
/** Quase nenhum texto os tem, e perguntar primeiro custa dois terços de os substituir. */
const HA_INVISIVEIS = new RegExp(INVISIVEIS);

const ESCAPES: { readonly [caractere: string]: string } = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** O texto com os caracteres de controle à vista: `\n`, `\x1b`, `\u2028`. */
export function visivel(texto: string): string {
  if (!HA_INVISIVEIS.test(texto)) return texto;
  return texto.replace(CADA_INVISIVEL, (caractere) => {
    const codigo = caractere.charCodeAt(0);
    return ESCAPES[caractere] ??
      (codigo < 0x100 ? `\\x${codigo.toString(16).padStart(2, "0")}` : `\\u${codigo.toString(16)}`);
  });
}

/** JSON com os mesmos caracteres escapados como JSON manda (`\u001b`): continua a valer o mesmo. */
export function jsonVisivel(valor: unknown): string {
  return JSON.stringify(valor).replace(
    CADA_INVISIVEL,
    (caractere) => `\\u${caractere.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** O começo de um texto alheio, entre aspas e sem caracteres de controle. */
export function citar(texto: string): string {
  return `"${encurtar(texto)}"`;
}

/** O começo de um valor alheio, como JSON o escreve; `undefined` é "nada". */
export function citarJson(valor: unknown): string {
  return valor === undefined ? "nada" : encurtar(JSON.stringify(valor));
}

function encurtar(texto: string): string {
  const curto = texto.length <= CITACAO_MAX ? texto : texto.slice(0, CITACAO_MAX) + "…";
  return visivel(curto.toWellFormed());
}

/** Bytes de um texto em UTF-8. */
export function bytesEmUtf8(texto: string): number {
  return codificador.encode(texto).length;
}

const codificador = new TextEncoder();

/**
 * Nossas palavras para cada classe de erro do sistema. Uma função, para que este módulo também se
 * carregue num navegador, onde não há `Deno`.
 */
const palavras = (): readonly (readonly [new (...args: never[]) => Error, string])[] => [
  [Deno.errors.ConnectionRefused, "conexão recusada"],
  [Deno.errors.ConnectionReset, "conexão derrubada"],
  [Deno.errors.BrokenPipe, "conexão derrubada"],
  [Deno.errors.AddrInUse, "endereço já em uso"],
  [Deno.errors.AddrNotAvailable, "o endereço não é desta máquina"],
  [Deno.errors.NotFound, "não existe"],
  [Deno.errors.AlreadyExists, "já existe, e não é uma pasta"],
  [Deno.errors.PermissionDenied, "sem permissão"],
  [Deno.errors.NotCapable, "sem permissão do Deno (--allow-…)"],
];

/** Nossas palavras para os erros que só o texto distingue: os de TLS, e os de HTTP (`fetch`). */
const PALAVRAS_DO_TEXTO: readonly (readonly [RegExp, string])[] = [
  [/UnknownIssuer|BadSignature/, "o certificado não é da autoridade de --tls-ca"],
  [/not ?valid ?for ?name/i, "o certificado não vale para este endereço"],
  [/KeyMismatch/, "a chave não é a do certificado"],
  [/certificate.*expired/i, "o certificado expirou"],
  [/InvalidContentType|tls handshake eof/i, "o outro lado não fala TLS"],
  // Os números são os de Linux, macOS e Windows, que diz o resto na língua da máquina.
  [/os error (111|61|10061)\b/, "conexão recusada"],
  [/os error (104|54|10054)\b|connection closed before/, "conexão derrubada"],
  [/os error (101|113|51|65|10051|10065)\b/, "não há caminho até lá"],
  [/^dns error/, "este nome não foi achado na rede"],
  [/^error reading a body/, "acabou no meio"],
  [/^invalid HTTP|^message head is too large/, "o outro lado não fala HTTP"],
  [/Requests to port \d+ are blocked/, "em HTTP, esta porta não pode ser usada; escolha outra"],
];

/** Nossas palavras para os erros de rede e de disco mais comuns; os outros, como vierem. */
export function textoDoErro(erro: unknown): string {
  if (!(erro instanceof Error)) return String(erro);
  const porClasse = palavras().find(([classe]) => erro instanceof classe);
  if (porClasse) return porClasse[1];
  const porTexto = PALAVRAS_DO_TEXTO.find(([expressao]) => expressao.test(erro.message));
  return porTexto ? porTexto[1] : visivel(erro.message);
}

/** Uma duração, arredondada para baixo, na maior unidade em que são pelo menos duas: `90 s`, `2 min`. */
export function textoDaDuracao(segundos: number): string {
  const [nome, quanto] = DURACOES.find(([, cada]) => segundos >= 2 * cada) ?? ["s", 1];
  return `${Math.floor(segundos / quanto)} ${nome}`;
}

const DURACOES: readonly (readonly [string, number])[] = [
  ["dias", 86_400],
  ["h", 3_600],
  ["min", 60],
];

/** Como se diz que algo chegou a um limite, ou (dado o limite) passou dele. */
export function noLimite(quanto: string, limite?: number): string {
  return limite === undefined ? `${quanto}, o limite` : `${quanto}, o limite é ${limite}`;
}
