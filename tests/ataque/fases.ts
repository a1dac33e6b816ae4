/**
 * Lentos, gulosos e muitos: quem ataca depois das entradas, uma fase de cada vez.
 *
 * @module
 */

import { pausar } from "../falhas/acaso.ts";
import { codificador, discar, escrever, fechar, GORDA, keyDoCanario, linha } from "./comum.ts";

/** Quantos atacam em cada fase. */
const LENTAS = 500;
const GULOSOS = 100;
const GULOSOS_DEMAIS = 300;
const ABERTAS = 10_000;
const EM_PARALELO = 20;

/** Quem ataca, durante tantos segundos. */
export type Agressor = (enderecos: readonly string[], segundos: number) => Promise<void>;

/** Muitas conexões que mandam um byte por segundo. */
const lentas: Agressor = async (enderecos, segundos) => {
  const bytes = codificador.encode(linha({ tipo: "GET", id: 1, key: keyDoCanario(1) }));
  await Promise.all(Array.from({ length: LENTAS }, async (_, n) => {
    await pausar(n);
    const conn = await discar(enderecos[n % enderecos.length]!);
    try {
      for (let s = 0; s < segundos; s++) {
        await escrever(conn, bytes.subarray(s % bytes.length, s % bytes.length + 1));
        await pausar(1_000);
      }
    } finally {
      fechar(conn);
    }
  }));
};

/** Muitos que pedem um value de 900 KB, muitas vezes, e não leem. */
const gulosos = (quantos: number): Agressor => async (enderecos, segundos) => {
  const pedidos = codificador.encode(linha({ tipo: "GET", id: 1, key: GORDA }).repeat(20));
  await Promise.all(Array.from({ length: quantos }, async (_, n) => {
    await pausar(n * 5);
    const conn = await discar(enderecos[n % enderecos.length]!);
    // O servidor pode derrubá-lo: é o que merece.
    await escrever(conn, pedidos).catch(() => {});
    await pausar(segundos * 1_000);
    fechar(conn);
  }));
};

/**
 * Um que abre e fecha conexões: caladas, no meio de uma linha, ou com um pedido. Todas
 * na duração da fase; com zero segundos, tão depressa quanto consegue.
 */
const abreEFecha: Agressor = async (enderecos, segundos) => {
  const inicio = performance.now();
  const restos = ["", '{"tipo":"GET","id":1', linha({ tipo: "GET", key: keyDoCanario(1) })]
    .map((texto) => codificador.encode(texto));
  for (let n = 0; n < ABERTAS; n++) {
    const adiantado = inicio + segundos * 1_000 * n / ABERTAS - performance.now();
    if (adiantado > 1) await pausar(adiantado);
    const conn = await discar(enderecos[n % enderecos.length]!);
    await escrever(conn, restos[n % restos.length]!).catch(() => {});
    fechar(conn);
  }
};

/** Muitos que pedem para entrar no grupo, de endereços onde ninguém responde. */
const joins: Agressor = async (enderecos, segundos) => {
  using mudo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const alvos = [`127.0.0.1:${mudo.addr.port}`, "127.0.0.1:1", ...enderecos];
  const fim = performance.now() + segundos * 1_000;
  await Promise.all(Array.from({ length: EM_PARALELO }, async (_, n) => {
    while (performance.now() < fim) {
      const conn = await discar(enderecos[0]!);
      for (const [id, endereco] of alvos.entries()) {
        const token = crypto.randomUUID();
        await escrever(conn, codificador.encode(linha({ tipo: "JOIN", id, endereco, token })));
      }
      await pausar(50 + n);
      fechar(conn);
    }
  }));
};

/** Lotes enormes sem parar, lidos. */
const lotes: Agressor = async (enderecos, segundos) => {
  const bytes = codificador.encode(`[${Array(100_000).fill("{}").join(",")}]\n`);
  const fim = performance.now() + segundos * 1_000;
  await Promise.all(enderecos.map(async (endereco) => {
    const lixo = new Uint8Array(256 * 1024);
    while (performance.now() < fim) {
      const conn = await discar(endereco);
      await escrever(conn, bytes);
      await conn.closeWrite();
      while (await conn.read(lixo) !== null);
      fechar(conn);
    }
  }));
};

/** As fases, em ordem; só numa prometida o cliente normal não pode esperar muito mais. */
export const FASES: readonly (readonly [string, Agressor, "prometida" | "a mais"])[] = [
  [`${LENTAS} conexões lentas`, lentas, "prometida"],
  [`${GULOSOS} gulosos`, gulosos(GULOSOS), "prometida"],
  [`${ABERTAS} conexões abertas e fechadas`, abreEFecha, "prometida"],
  [`${GULOSOS_DEMAIS} gulosos`, gulosos(GULOSOS_DEMAIS), "a mais"],
  [`${ABERTAS} conexões sem parar`, (enderecos) => abreEFecha(enderecos, 0), "a mais"],
  ["JOINs sem resposta", joins, "a mais"],
  ["lotes de 100 000", lotes, "a mais"],
];
