/**
 * Os pares de rastros que crescem: por que ordem se leem, e o que nunca chega.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Noticia } from "../../exemplos/painel/noticias.ts";
import { Pareador } from "../../exemplos/painel/pareador.ts";
import type { Evento } from "../../ferramentas/diagrama/setas.ts";

const [PONTA, S1] = ["127.0.0.1:5000", "127.0.0.1:1"];

/** Um GET que o cliente enviou, ou que o servidor recebeu. */
function evento(sentido: "enviou" | "recebeu", quando: number, id = 1): Evento {
  const mensagem = { tipo: "GET", id, key: "k", timestamp: 0 };
  return sentido === "enviou"
    ? { quando, quem: "cliente 7", local: PONTA, remoto: S1, sentido, mensagem }
    : { quando, quem: S1, local: S1, remoto: PONTA, sentido, mensagem };
}

/** Cada notícia em poucas palavras. */
function resumo(noticias: readonly Noticia[]): string[] {
  return noticias.map((uma) => {
    if (uma.tipo === "saiu") return `${uma.id} saiu ${uma.quando} ${uma.de} → ${uma.para}`;
    return uma.tipo === "chegou" || uma.tipo === "perdeu-se"
      ? `${uma.id} ${uma.tipo} ${uma.quando}`
      : uma.tipo;
  });
}

Deno.test("Pareador diz que saiu ao ler quem enviou, e que chegou ao ler quem recebeu", () => {
  const pareador = new Pareador(100);
  const saida = resumo(pareador.receber([evento("enviou", 110)], 120));
  assertEquals(saida, [`1 saiu 10 cliente 7 → ${S1}`]);
  assertEquals(resumo(pareador.receber([], 130)), []);
  assertEquals(resumo(pareador.receber([evento("recebeu", 115)], 140)), ["1 chegou 15"]);
  assertEquals(resumo(pareador.receber([], 1_000_000)), []);
});

Deno.test("Pareador espera por quem enviou, se leu primeiro quem recebeu; não para sempre", () => {
  const pareador = new Pareador(0);
  assertEquals(resumo(pareador.receber([evento("recebeu", 15)], 20)), []);
  const as = resumo(pareador.receber([evento("enviou", 10), evento("recebeu", 30, 2)], 40));
  assertEquals(as, [`1 saiu 10 cliente 7 → ${S1}`, "1 chegou 15"]);
  const sozinha = resumo(pareador.receber([], 2_000));
  assertEquals(sozinha, [`2 saiu 30 cliente 7 → ${S1}`, "2 chegou 30"]);
});

Deno.test("Pareador dá por perdida a que nunca chega a quem escreve um rastro", () => {
  const pareador = new Pareador(0);
  pareador.receber([evento("enviou", 1), evento("recebeu", 2)], 3);
  pareador.receber([evento("enviou", 10, 2)], 11);
  assertEquals(resumo(pareador.receber([], 50_000)), []);
  assertEquals(resumo(pareador.receber([], 70_000)), ["2 perdeu-se 70000"]);
});

Deno.test("Pareador dá por chegada a que foi a quem não escreve um rastro, e cala os pulsos", () => {
  const pareador = new Pareador(0);
  const pulso = { ...evento("enviou", 5), mensagem: { tipo: "PULSE" } };
  assertEquals(resumo(pareador.receber([evento("enviou", 10), pulso], 11)), [
    `1 saiu 10 cliente 7 → ${S1}`,
  ]);
  assertEquals(resumo(pareador.receber([], 5_000)), ["1 chegou 10"]);
});
