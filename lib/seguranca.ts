/**
 * O segredo que dois lados provam saber sem o mostrar, e os arquivos dele e do TLS.
 *
 * Cada lado propõe 32 bytes ao acaso e responde com o HMAC-SHA-256 dos dois desafios. O nome do
 * lado entra na conta, e por isso devolver a um lado a prova dele não vale. (É a troca de
 * ISO/IEC 9798-4, com três mensagens.)
 *
 * ```ts
 * import { conferirProva, provar } from "./seguranca.ts";
 *
 * const desafios = ["11".repeat(32), "22".repeat(32)] as const;
 * const prova = await provar("um segredo comprido", "cliente", desafios);
 * const vale = await conferirProva("um segredo comprido", "cliente", desafios, prova);
 * const devolvida = await conferirProva("um segredo comprido", "servidor", desafios, prova);
 * if (!vale || devolvida) throw new Error("a prova não prova");
 * ```
 *
 * @module
 */

import { type Argumentos, lerOpcao } from "./opcoes.ts";
import { bytesEmUtf8, citar, noLimite, textoDoErro } from "./texto.ts";

/**
 * Um segredo; ou vários, enquanto se troca um por outro: prova-se com o primeiro, e aceita-se a
 * prova de qualquer um.
 */
export type Segredo = string | readonly [string, ...string[]];

/** Como se protege uma conexão; sem nada, como vier. */
export interface Seguranca {
  /** O segredo de todos os que se falam; ver {@linkcode lerSegredo}. */
  segredo?: Segredo | undefined;
  /** Presente: fala TLS, e confia na autoridade deste certificado (PEM; sem ele, nas do sistema). */
  tls?: { readonly ca?: string | undefined } | undefined;
}

/** O certificado de quem atende em TLS, e a chave dele (PEM). */
export interface Certificado {
  readonly cert: string;
  readonly chave: string;
}

/** Bytes que um segredo tem de ter ao menos; menos, adivinha-se de uma prova ouvida. */
const SEGREDO_BYTES_MIN = 16;

/** Segredos que um arquivo pode ter: cada um é mais uma conta por cada prova de um estranho. */
const SEGREDOS_MAX = 4;

/** Os dois desafios de uma conexão, em hexadecimal: o de quem discou e o de quem atendeu. */
export type Desafios = readonly [string, string];

/** Os dois lados de uma conexão: quem discou e quem atendeu. */
export type Lado = "cliente" | "servidor";

async function chaveDe(segredo: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(segredo);
  const algoritmo = { name: "HMAC", hash: "SHA-256" };
  return await crypto.subtle.importKey("raw", bytes, algoritmo, false, ["sign", "verify"]);
}

function oQueSeProva(lado: Lado, desafios: Desafios) {
  return new TextEncoder().encode([lado, ...desafios].join("\n"));
}

/** A prova de um lado, em hexadecimal: a do primeiro segredo, se são vários. */
export async function provar(segredo: Segredo, lado: Lado, desafios: Desafios): Promise<string> {
  const prova = await crypto.subtle.sign(
    "HMAC",
    await chaveDe(typeof segredo === "string" ? segredo : segredo[0]),
    oQueSeProva(lado, desafios),
  );
  return new Uint8Array(prova).toHex();
}

/** Se a prova é a deste lado; `crypto.subtle.verify` compara em tempo constante. */
export async function conferirProva(
  segredo: string,
  lado: Lado,
  desafios: Desafios,
  prova: string,
): Promise<boolean> {
  return await crypto.subtle.verify(
    "HMAC",
    await chaveDe(segredo),
    Uint8Array.fromHex(prova),
    oQueSeProva(lado, desafios),
  );
}

/** De qual dos segredos é a prova deste lado; `undefined`, de nenhum. */
export async function segredoDaProva(
  segredo: Segredo,
  lado: Lado,
  desafios: Desafios,
  prova: string,
): Promise<string | undefined> {
  for (const um of typeof segredo === "string" ? [segredo] : segredo) {
    if (await conferirProva(um, lado, desafios, prova)) return um;
  }
}

/** Compara dois textos num tempo que não diz onde diferem (carregar node:crypto para isto custaria 40 ms). */
export function iguais(um: string, outro: string): boolean {
  let diferenca = um.length ^ outro.length;
  for (let n = 0; n < um.length; n++) diferenca |= um.charCodeAt(n) ^ outro.charCodeAt(n);
  return diferenca === 0;
}

/**
 * Lê o arquivo do segredo; ou dos segredos, um em cada linha. Um fim de linha no fim não conta.
 *
 * @throws {Error} se não pode ser lido, um é curto ou repetido, são demais, ou (onde o sistema
 * sabe) outros o podem ler.
 */
export function lerSegredo(caminho: string): Segredo {
  const segredos = lerArquivoSecreto(caminho).replace(/\r?\n$/, "").split(/\r?\n/);
  if (segredos.length > SEGREDOS_MAX) {
    throw new RangeError(noLimite(`há ${segredos.length} segredos`, SEGREDOS_MAX));
  }
  if (new Set(segredos).size < segredos.length) throw new RangeError("há dois segredos iguais");
  for (const segredo of segredos) {
    const bytes = bytesEmUtf8(segredo);
    if (bytes < SEGREDO_BYTES_MIN) {
      throw new RangeError(`o segredo tem ${bytes} bytes, o mínimo é ${SEGREDO_BYTES_MIN}`);
    }
  }
  const [primeiro, ...outros] = segredos as [string, ...string[]];
  return outros.length === 0 ? primeiro : [primeiro, ...outros];
}

/** Lê um arquivo de texto pequeno. @throws {Error} se não pode ser lido, ou outros também o podem. */
export function lerArquivoSecreto(caminho: string): string {
  const texto = lerArquivo(caminho);
  const { mode } = Deno.statSync(caminho);
  if (mode !== null && Deno.build.os !== "windows" && (mode & 0o077) !== 0) {
    throw new Error(`outros podem ler ${citar(caminho)}; use chmod 600`);
  }
  return texto;
}

/**
 * Lê um arquivo PEM: certificados, ou uma chave. Vários arquivos postos um a seguir ao outro podem
 * ficar sem um fim de linha entre eles, e então o TLS só veria o primeiro: são separados.
 *
 * @throws {Error} que diz qual arquivo e por quê.
 */
export function lerPem(caminho: string): string {
  const texto = lerArquivo(caminho);
  if (texto.includes("-----BEGIN ")) {
    return texto.replaceAll("----------BEGIN ", "-----\n-----BEGIN ");
  }
  throw new Error(`${citar(caminho)} não é um arquivo PEM`);
}

/** Lê um arquivo de texto pequeno. @throws {Error} que diz qual arquivo e por quê. */
function lerArquivo(caminho: string): string {
  try {
    return Deno.readTextFileSync(caminho);
  } catch (cause) {
    throw new Error(`não é possível ler ${citar(caminho)}: ${textoDoErro(cause)}`, { cause });
  }
}

/** As opções de quem disca: `--segredo` e `--tls-ca`. */
export const OPCOES_DE_QUEM_DISCA = ["segredo", "tls-ca"] as const;

/** As de quem também atende: o certificado e a chave. */
export const OPCOES_DE_QUEM_ATENDE = [...OPCOES_DE_QUEM_DISCA, "tls-cert", "tls-chave"] as const;

/** O que dizem `--segredo` e `--tls-ca`. @throws {TypeError} se um arquivo não serve. */
export function lerSeguranca(lidos: Argumentos): Seguranca {
  const ca = lerOpcao(lidos, "tls-ca", lerPem);
  return {
    segredo: lerOpcao(lidos, "segredo", lerSegredo),
    tls: ca === undefined ? undefined : { ca },
  };
}

/** O que dizem `--tls-cert` e `--tls-chave`. @throws {TypeError} se falta uma, ou um arquivo não serve. */
export function lerCertificado(lidos: Argumentos): Certificado | undefined {
  const cert = lerOpcao(lidos, "tls-cert", lerPem);
  const chave = lerOpcao(lidos, "tls-chave", lerPem);
  if (cert === undefined && chave === undefined && lidos.opcoes["tls-ca"] === undefined) return;
  if (cert !== undefined && chave !== undefined) return { cert, chave };
  throw new TypeError("--tls-cert, --tls-chave: um servidor com TLS precisa das duas");
}
