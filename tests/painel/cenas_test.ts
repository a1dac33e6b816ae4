/**
 * As cenas do painel, com servidores de verdade: cada uma chega ao fim, deixa tudo sarado, e o que a
 * foto diz é o que um GET a cada servidor responde.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Cliente } from "../../cliente.ts";
import { CENAS } from "../../exemplos/painel/cenas.ts";
import { Corrida } from "../../exemplos/painel/corrida.ts";
import { SERVIDORES } from "../../exemplos/painel/montagem.ts";
import { escolherPorta } from "../../ferramentas/retransmissor.ts";
import { ate, respondido } from "../apoio.ts";

/** Mais depressa que numa aula, e noutras portas que não as do enunciado, que alguém pode estar a usar. */
function iniciar(): Promise<Corrida> {
  const portas = SERVIDORES.map(() => escolherPorta());
  return Corrida.iniciar(portas, { visivel: 60, tarde: 3_000 });
}

/** Confere a projeção com GETs diretos a cada servidor, que não passam pelos elos. */
async function conferir({ montagem }: Corrida, keys: readonly string[]): Promise<void> {
  for (const { quem } of SERVIDORES) {
    await using cliente = new Cliente([montagem.endereco(quem)]);
    const vista = montagem.projecao.servidor(quem);
    for (const key of keys) {
      const resposta = await respondido(cliente.get(key));
      const linha = vista.tabela.find((uma) => uma.key === key);
      const disse = { value: resposta.value, timestamp: resposta.timestamp };
      const mostra = { value: linha?.value ?? null, timestamp: linha?.timestamp ?? 0 };
      assertEquals(mostra, disse, `${key} em ${quem}`);
      assert(linha?.confirmada ?? true, `${key} em ${quem} por confirmar`);
    }
  }
}

/** Encena, e espera o fim. */
async function encenar(corrida: Corrida, cena: string): Promise<void> {
  await corrida.pedir({ pedir: "cena", cena });
  const encenacao = corrida.encenacao!;
  let acabou = false;
  encenacao.fim.then(() => acabou = true);
  await ate(() => acabou, `a cena ${cena} acabar`);
  assertEquals(encenacao.erro, undefined);
}

Deno.test("Cada cena chega ao fim, sara tudo, e mostra o que os servidores têm", async (t) => {
  await using corrida = await iniciar();
  for (const { id } of CENAS) {
    await t.step(id, async () => {
      await encenar(corrida, id);
      const { montagem } = corrida;
      assert(montagem.emDia);
      assertEquals(montagem.emCurso, 0);
      assert(montagem.elos.foto.every(({ ida, volta, cortado }) => !ida && !volta && !cortado));
      await conferir(corrida, ["cor", "sabor"]);
    });
  }
});

Deno.test("Corrida desiste de uma cena quando se recomeça, e os três vêm vazios", async () => {
  await using corrida = await iniciar();
  await corrida.pedir({ pedir: "PUT", cliente: "x", key: "cor", value: "azul", servidor: "s3" });
  await ate(() => corrida.montagem.emCurso === 0, "o PUT_OK");
  await conferir(corrida, ["cor"]);
  await corrida.pedir({ pedir: "cena", cena: "try" });
  const { fim } = corrida.encenacao!;
  await corrida.pedir({ pedir: "recomecar" });
  await fim;
  assertEquals(corrida.montagem.servidores.map(({ tabela }) => tabela), [[], [], []]);
  await conferir(corrida, ["cor"]);
});

Deno.test("Corrida mata, inicia da pasta ou na memória, e corta, e a projeção acompanha", async () => {
  await using corrida = await iniciar();
  const { montagem } = corrida;
  const por = async (key: string, servidor: string) => {
    await corrida.pedir({ pedir: "PUT", cliente: "x", key, value: `de ${key}`, servidor });
    await ate(() => montagem.emCurso === 0, `PUT_OK de ${key}`);
  };
  await por("a", "s1");
  await corrida.pedir({ pedir: "matar", servidor: "s2" });
  assertEquals(montagem.projecao.servidor("s2").vivo, false);
  // O que está em disco é o que lá fica.
  assertEquals(montagem.projecao.servidor("s2").tabela.map(({ key }) => key), ["a"]);
  await corrida.pedir({ pedir: "iniciar", servidor: "s2", dados: false });
  await ate(() => montagem.emDia, "s2 em dia");
  await por("b", "s2");
  for (const dados of [true, false]) {
    await corrida.pedir({ pedir: "matar", servidor: "s1" });
    await corrida.pedir({ pedir: "iniciar", servidor: "s1", dados });
    await ate(() => montagem.emDia, "o líder em dia");
    await por("c", "s3");
    await conferir(corrida, ["a", "b", "c"]);
  }
  await corrida.pedir({ pedir: "cortar", de: "s1", para: "s3" });
  await ate(() => !montagem.projecao.servidor("s3").emDia, "s3 fora");
  await corrida.pedir({ pedir: "sarar", de: "s1", para: "s3" });
  await ate(() => montagem.emDia, "s3 em dia");
  await conferir(corrida, ["a", "b", "c"]);
});

Deno.test("Corrida pede ao servidor escolhido, e recusa um que não responde", async () => {
  await using corrida = await iniciar();
  const { montagem } = corrida;
  const idas: string[] = [];
  const ver = new AbortController();
  const vendo = corrida.esperar((noticia) => {
    const pedido = noticia?.tipo === "saiu" && noticia.de === "y";
    if (pedido) idas.push(`${noticia.mensagem.tipo} ${noticia.para}`);
    return false;
  }, ver.signal);
  const escolhas = ["s3", "s1", "s2", "s2", "s1", "s3"];
  for (const servidor of escolhas) {
    await corrida.pedir({ pedir: "GET", cliente: "y", key: "k", servidor });
    await ate(() => montagem.emCurso === 0, `a resposta de ${servidor}`);
  }
  await corrida.pedir({ pedir: "PUT", cliente: "y", key: "k", value: "v", servidor: "s3" });
  await ate(() => montagem.emCurso === 0, "o PUT_OK");
  assertEquals(idas, [...escolhas.map((servidor) => `GET ${servidor}`), "PUT s3"]);
  await corrida.pedir({ pedir: "matar", servidor: "s2" });
  const morto = { pedir: "GET", cliente: "y", key: "k", servidor: "s2" } as const;
  await assertRejects(() => corrida.pedir(morto), Error, "não responde");
  // Sorteado, acha um dos outros.
  await corrida.pedir({ pedir: "GET", cliente: "y", key: "k" });
  await ate(() => montagem.emCurso === 0, "a resposta de um sorteado");
  assert(montagem.clientes[1]!.situacao.startsWith("GET key: k value: v obtido do servidor"));
  ver.abort();
  await assertRejects(() => vendo);
});

Deno.test("Corrida com 10 s de atraso em tudo não desfaz o grupo", async () => {
  await using corrida = await iniciar();
  const { montagem } = corrida;
  await corrida.pedir({ pedir: "atraso-tudo", ms: 10_000 });
  await corrida.pedir({ pedir: "PUT", cliente: "x", key: "k", value: "v", servidor: "s2" });
  await corrida.pedir({ pedir: "passo", ligado: true });
  await corrida.pedir({ pedir: "PUT", cliente: "y", key: "k", value: "v", servidor: "s1" });
  // Mais do que um servidor espera por um sinal de vida do outro.
  const fim = performance.now() + 7_000;
  while (performance.now() < fim) {
    assert(montagem.emDia, "o grupo desfez-se");
    await new Promise((resolver) => setTimeout(resolver, 200));
  }
});

Deno.test("Corrida aguenta 5000 PUTs de uma vez, vindos de fora, e diz quantas mensagens não mostra", async () => {
  await using corrida = await iniciar();
  const { montagem, diario } = corrida;
  let [mostradas, aMais] = [0, 0];
  diario.ouvir(({ texto }) => {
    mostradas += texto.match(/"tipo":"saiu"/g)?.length ?? 0;
    for (const [, quantas] of texto.matchAll(/"quantas":(\d+)/g)) aMais += Number(quantas);
  });
  await using cliente = new Cliente([montagem.endereco("s2")], { prazo: 60_000 });
  const feitos = await Promise.all(
    Array.from({ length: 5_000 }, (_, n) => cliente.put(`k${n}`, `v${n}`)),
  );
  assert(montagem.emDia);
  // A última que se escreveu: só as mais novas têm uma linha na vista.
  await conferir(corrida, [feitos.reduce((a, b) => a.timestamp > b.timestamp ? a : b).key]);
  for (const { tabela, outras } of montagem.servidores) {
    assertEquals(tabela.length + outras, 5_000);
    assert(tabela.every(({ confirmada }) => confirmada));
  }
  await ate(() => mostradas + aMais >= 20_000, "as mensagens todas");
  assert(mostradas < 5_000 && aMais > 10_000, `${mostradas} mostradas, ${aMais} a mais`);
});
