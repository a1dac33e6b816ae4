import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { atender, type Ofertas, type Outra, type Porta } from "../../lib/chamadas.ts";

/** O que se oferece de um lado nestes testes; `anotadas` são os avisos que chegaram. */
function ofertasDeTeste() {
  const anotadas: string[] = [];
  return {
    anotadas,
    ofertas: {
      somar: (a: number, b: number) => a + b,
      depois: (texto: string) => Promise.resolve(`${texto}, depois`),
      falhar: (motivo: string) => {
        throw new RangeError(motivo);
      },
      rejeitar: () => Promise.reject(new Deno.errors.ConnectionRefused("os error 111")),
      anotar: (texto: string) => void anotadas.push(texto),
      lerAnotadas: () => [...anotadas],
      nunca: () => new Promise<never>(() => {}),
    },
  };
}

type Oferta = ReturnType<typeof ofertasDeTeste>["ofertas"];

/** Dois lados de um canal: quem oferece, e quem chama; conta o que volta de quem oferece. */
function ligar<Delas extends Ofertas<Delas>>(ofertas: Delas) {
  const { port1, port2 } = new MessageChannel();
  const conta = { voltas: 0 };
  const porta: Porta = {
    postMessage(mensagem) {
      conta.voltas++;
      port1.postMessage(mensagem);
    },
    set onmessage(receber: Porta["onmessage"]) {
      port1.onmessage = receber;
    },
  };
  atender(porta, ofertas);
  const outra: Outra<Delas> = atender<Delas>(port2, {});
  return {
    outra,
    conta,
    [Symbol.dispose]() {
      port1.close();
      port2.close();
    },
  };
}

Deno.test("atender().chamar() traz o resultado de lá, na hora ou prometido, a cada um o seu", async () => {
  using canal = ligar<Oferta>(ofertasDeTeste().ofertas);
  const { outra } = canal;
  const resultados = await Promise.all([
    outra.chamar("depois", "um"),
    outra.chamar("somar", 2, 3),
    outra.chamar("depois", "dois"),
    outra.chamar("somar", 20, 30),
  ]);
  assertEquals(resultados, ["um, depois", 5, "dois, depois", 50]);
});

Deno.test("atender().chamar() falha com o texto do erro de lá, lançado ou prometido", async () => {
  using canal = ligar<Oferta>(ofertasDeTeste().ofertas);
  await assertRejects(() => canal.outra.chamar("falhar", "não deu"), Error, "não deu");
  // Nas palavras da casa: a classe do erro não passa de uma thread à outra.
  await assertRejects(() => canal.outra.chamar("rejeitar"), Error, "conexão recusada");
  assertEquals(await canal.outra.chamar("somar", 1, 1), 2);
});

Deno.test("atender().avisar() chega em ordem com as chamadas, e nada volta", async () => {
  using canal = ligar<Oferta>(ofertasDeTeste().ofertas);
  canal.outra.avisar("anotar", "um");
  canal.outra.avisar("anotar", "dois");
  assertEquals(await canal.outra.chamar("lerAnotadas"), ["um", "dois"]);
  canal.outra.avisar("anotar", "três");
  assertEquals(await canal.outra.chamar("lerAnotadas"), ["um", "dois", "três"]);
  assertEquals(canal.conta.voltas, 2);
});

Deno.test("atender() não cala o erro de um aviso, que ninguém espera", () => {
  const porta: Porta = { postMessage() {}, onmessage: null };
  atender(porta, ofertasDeTeste().ofertas);
  const aviso = { data: { nome: "falhar", args: ["à vista"] } };
  assertThrows(() => porta.onmessage!(aviso), RangeError, "à vista");
});

Deno.test("atender(): os dois lados oferecem e chamam pelo mesmo canal", async () => {
  const { port1, port2 } = new MessageChannel();
  const dobro = { dobrar: (n: number) => n * 2 };
  const metade = { partir: (n: number) => n / 2 };
  const direita = atender<typeof metade, typeof dobro>(port1, dobro);
  const esquerda = atender<typeof dobro, typeof metade>(port2, metade);
  assertEquals(
    await Promise.all([direita.chamar("partir", 10), esquerda.chamar("dobrar", 10)]),
    [5, 20],
  );
  port1.close();
  port2.close();
});

Deno.test("atender().desligar() faz falhar quem espera e quem chamar depois, pelo primeiro motivo", async () => {
  const { ofertas, anotadas } = ofertasDeTeste();
  using canal = ligar<Oferta>(ofertas);
  const { outra } = canal;
  const esperas = [outra.chamar("nunca"), outra.chamar("nunca")];
  const falhas = Promise.all(
    esperas.map((espera) => assertRejects(() => espera, Error, "acabou")),
  );
  outra.desligar("acabou");
  outra.desligar("acabou de novo");
  await falhas;
  const erro = await assertRejects(() => outra.chamar("somar", 1, 1), Error);
  assertEquals(erro.message, "acabou");
  outra.avisar("anotar", "tarde demais");
  // Outra volta do laço: se o aviso tivesse saído, já teria chegado.
  for (let n = 0; n < 10; n++) await new Promise((resolver) => setImmediate(resolver));
  assertEquals(anotadas, []);
});
