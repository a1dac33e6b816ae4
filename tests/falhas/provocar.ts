/**
 * As falhas: quem mata, cala, corta e atrasa, segundo o plano.
 *
 * @module
 */

import { ate } from "../apoio.ts";
import { pausar, type Sorteio } from "./acaso.ts";
import type { Bancada } from "./bancada.ts";
import { pedirUmaVez } from "./clientes.ts";
import type { Plano } from "./plano.ts";

/** Espera até um PUT ser confirmado: todos presentes e em dia. */
export function sarado(bancada: Bancada): Promise<void> {
  return ate(async () => {
    const pedido = { tipo: "PUT", key: "sonda", value: crypto.randomUUID() } as const;
    const resposta = await pedirUmaVez(bancada.endereco(0), pedido);
    return resposta?.resposta.tipo === "PUT_OK";
  }, "o grupo voltar a confirmar PUTs").then(() => {});
}

/** Provoca falhas até a hora; conta quantas de cada. */
export async function provocar(
  bancada: Bancada,
  plano: Plano,
  sorteio: Sorteio,
  falhas: Map<string, number>,
): Promise<void> {
  const fim = performance.now() + plano.segundos * 1000;
  const contar = (falha: string) => falhas.set(falha, (falhas.get(falha) ?? 0) + 1);
  while (performance.now() < fim) {
    await pausar(sorteio.inteiro(50, 600));
    bancada.conferirVivos();
    const falha = sorteio.um(["matar", "matar", "calar e matar", "rede", "rede", "rede"]);
    if (falha === "calar e matar") {
      // O líder insere PUTs que não chegam a ninguém, mostra-os a quem lhe pede, e morre.
      contar("cala os seguidores e mata o líder");
      for (const retransmissor of bancada.retransmissores) retransmissor.mudo = "ida";
      await pausar(sorteio.inteiro(50, 500));
      await bancada.matar(0);
      for (const retransmissor of bancada.retransmissores) {
        retransmissor.cortar();
        retransmissor.sarar();
      }
      await bancada.iniciar(0);
      await sarado(bancada);
      continue;
    }
    if (falha === "matar") {
      // Na memória, um por vez: o que só um guardava morreria com ele. No disco, até os três.
      const quantos = plano.emDisco ? sorteio.um([1, 1, 2, 3]) : 1;
      const mortos = [0, 1, 2].sort(() => sorteio.inteiro(0, 1) - 0.5).slice(0, quantos);
      contar(`mata ${mortos.map((n) => n === 0 ? "líder" : "seguidor").sort().join(" e ")}`);
      await Promise.all(mortos.map((n) => bancada.matar(n)));
      await pausar(sorteio.inteiro(0, 1200));
      for (const n of mortos) await bancada.iniciar(n);
      if (!plano.emDisco) {
        for (const retransmissor of bancada.retransmissores) retransmissor.sarar();
        await sarado(bancada);
      }
      continue;
    }
    const retransmissor = sorteio.um(bancada.retransmissores);
    const tipo = sorteio.um(["atraso", "corte", "mudo", "picado", "ritmo"] as const);
    contar(tipo);
    if (tipo === "corte") retransmissor.cortar();
    if (tipo === "atraso") retransmissor.atraso = sorteio.inteiro(1, 300);
    if (tipo === "ritmo") retransmissor.ritmo = sorteio.inteiro(2_000, 50_000);
    if (tipo === "picado") retransmissor.picado = true;
    if (tipo === "mudo") retransmissor.mudo = sorteio.um(["ida", "volta"]);
    // Às vezes mais que o tempo em que os servidores dão por perdido quem emudeceu.
    const ate = sorteio.inteiro(100, sorteio.um([1_000, 8_000]));
    bancada.curas.push(setTimeout(() => retransmissor.sarar(), ate));
  }
}
