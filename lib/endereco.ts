/**
 * Endereços `IP:PORTA`: lê-los de quem os digita, e escrevê-los.
 *
 * ```ts
 * import { lerEndereco, textoDoEndereco } from "./endereco.ts";
 *
 * const { ip, porta } = lerEndereco("[::1]:8080");
 * if (textoDoEndereco({ ip, porta }) !== "[::1]:8080") throw new Error("não voltou igual");
 * ```
 *
 * @module
 */

import { citar } from "./texto.ts";

/** Onde alguém atende. */
export interface Endereco {
  /** IPv4, IPv6 sem colchetes, ou o nome de uma máquina. */
  readonly ip: string;
  /** De 1 a 65535. */
  readonly porta: number;
}

/** Caracteres de um endereço; mais não é um, e custaria a examinar. */
const ENDERECO_MAX = 100;

/** Lê um IP (IPv6 com ou sem colchetes); `localhost` vale 127.0.0.1. @throws {TypeError} se não é um. */
export function lerIp(texto: string): string {
  const ip = texto.trim().toLowerCase().replace(/^\[(.*:.*)\]$/, "$1");
  if (ip === "localhost") return "127.0.0.1";
  const partes = ip.split(".");
  const v4 = partes.length === 4 &&
    partes.every((parte) => /^\d{1,3}$/.test(parte) && Number(parte) <= 255);
  if (v4) return partes.map(Number).join(".");
  // URL sabe validar e abreviar IPv6, que tem muitas formas.
  if (ip.includes(":") && URL.canParse(`http://[${ip}]/`)) {
    return new URL(`http://[${ip}]/`).hostname.slice(1, -1);
  }
  throw new TypeError(`IP inválido: ${citar(texto)}; exemplo: 127.0.0.1`);
}

/** Lê um IP, ou o nome de uma máquina. @throws {TypeError} se não é nem um nem outro. */
export function lerMaquina(texto: string): string {
  const nome = texto.trim().toLowerCase();
  const rotulos = nome.split(".");
  const serve = nome.length <= 253 &&
    rotulos.every((r) => /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(r));
  // Só números são um IP, bom ou mau.
  return serve && /[a-z]/.test(rotulos.at(-1)!) && nome !== "localhost" ? nome : lerIp(texto);
}

/** Lê uma porta, de 1 a 65535. @throws {RangeError} fora disso. */
export function lerPorta(texto: string): number {
  const porta = /^\d{1,5}$/.test(texto.trim()) ? Number(texto) : 0;
  if (porta < 1 || porta > 65535) {
    throw new RangeError(`Porta inválida: ${citar(texto)}; deve ser um número de 1 a 65535`);
  }
  return porta;
}

/** Lê `IP:PORTA` (IPv6 entre colchetes) ou `NOME:PORTA`. @throws {TypeError | RangeError} se não é um. */
export function lerEndereco(texto: string): Endereco {
  const grupos = texto.length <= ENDERECO_MAX &&
    /^\s*(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(texto);
  if (!grupos) {
    throw new TypeError(`Endereço inválido: ${citar(texto)}; exemplo: 127.0.0.1:10097`);
  }
  const [, ipv6, outro, porta] = grupos;
  return { ip: ipv6 === undefined ? lerMaquina(outro!) : lerIp(ipv6), porta: lerPorta(porta!) };
}

/** O endereço como `IP:PORTA`. */
export function textoDoEndereco({ ip, porta }: Endereco): string {
  return ip.includes(":") ? `[${ip}]:${porta}` : `${ip}:${porta}`;
}

/** Um lado de uma conexão como `IP:PORTA`. */
export function textoDoLado({ hostname, port }: { hostname: string; port: number }): string {
  return textoDoEndereco({ ip: hostname, porta: port });
}
