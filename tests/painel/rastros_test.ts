/**
 * O painel de uma corrida que corre noutro lado: pelos seus rastros, enquanto crescem e depois.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Cliente } from "../../cliente.ts";
import { abrirRastros } from "../../exemplos/painel/rastros.ts";
import type { Servico } from "../../exemplos/painel/servir.ts";
import type { Acontecimento, Foto } from "../../exemplos/painel/tipos.ts";
import { abrirRastro } from "../../lib/rastro.ts";
import { ate, Fio, iniciarTresProgramas } from "../apoio.ts";

/** O que um painel diz, e a última foto. */
function ouvir({ diario }: Servico) {
  const dito = { acontecimentos: [] as Acontecimento[], foto: undefined as Foto | undefined };
  const calar = diario.ouvir(({ texto, quantos }) => {
    const dados = JSON.parse(/^data: (.*)$/m.exec(texto)![1]!);
    if (quantos === 0) dito.foto = dados;
    else dito.acontecimentos.push(...dados);
  });
  return { dito, calar };
}

/** As tabelas como a foto as mostra. */
function tabelas(foto: Foto | undefined) {
  return foto?.servidores.map(({ tabela, lider }) => ({
    lider,
    linhas: tabela.map(({ key, value, timestamp, confirmada }) =>
      `${key}=${value}@${timestamp}${confirmada ? "" : "?"}`
    ),
  }));
}

/** Quantas mensagens de um tipo saíram. */
function quais(tipo: string, lista: readonly Acontecimento[]): number {
  return lista.filter((um) => um.tipo === "saiu" && um.mensagem.tipo === tipo).length;
}

Deno.test("abrirRastros() mostra uma corrida enquanto corre, e a mesma depois de acabada", async () => {
  const pasta = await Deno.makeTempDir();
  const arquivos = ["a", "b", "c", "x"].map((nome) => `${pasta}/${nome}`);
  for (const arquivo of arquivos) await Deno.writeTextFile(arquivo, "");
  const [a, b, c, x] = arquivos as [string, string, string, string];
  try {
    await using vivo = await abrirRastros(arquivos, { gravada: false });
    const { dito, calar } = ouvir(vivo);
    {
      const opcoes = { 0: [`--rastro=${a}`], 1: [`--rastro=${b}`], 2: [`--rastro=${c}`] };
      await using tres = await iniciarTresProgramas(opcoes);
      using rastro = abrirRastro(x, "cliente 1", []);
      await using cliente = new Cliente(tres.enderecos, { rastro });
      await cliente.put("cor", "azul");
      await cliente.put("cor", "verde");
      await cliente.put("sabor", "doce");
      await cliente.get("cor");
      const linhas = ["sabor=doce@3", "cor=verde@2"];
      const esperadas = [
        { lider: true, linhas },
        { lider: false, linhas },
        { lider: false, linhas },
      ];
      const acabou = () => quais("GET_OK", dito.acontecimentos) === 1;
      const iguais = () =>
        acabou() && JSON.stringify(tabelas(dito.foto)) === JSON.stringify(esperadas);
      await ate(iguais, `as tabelas: ${JSON.stringify(tabelas(dito.foto))}`)
        .catch((erro) => {
          assertEquals(tabelas(dito.foto), esperadas);
          throw erro;
        });
      assertEquals(dito.foto?.servidores.map(({ endereco }) => endereco), tres.enderecos);
      assertEquals(dito.foto?.clientes.map(({ quem }) => quem), ["cliente 1"]);
      assertEquals([dito.foto?.comandos, dito.foto?.gravada], [false, false]);
      // Quem não escreve um rastro vê-se pelo seu endereço.
      await using fio = await Fio.abrir(tres.enderecos[1]!);
      await fio.pedir({ tipo: "GET", id: 1, key: "cor" });
      await ate(
        () => dito.foto?.clientes.some(({ quem }) => quem.startsWith("127.0.0.1:")),
        "o cliente sem rastro",
      );
      await assertRejects(() => vivo.pedir({ pedir: "recomecar" }), Error, "não recebe pedidos");
    }
    calar();
    await using gravado = await abrirRastros(arquivos, { gravada: true });
    const depois = ouvir(gravado).dito;
    assertEquals(tabelas(depois.foto), tabelas(dito.foto));
    assert(depois.foto?.gravada);
    for (const tipo of ["PUT", "PUT_OK", "REPLICATION", "REPLICATION_OK", "GET_OK", "JOIN_OK"]) {
      assertEquals(quais(tipo, depois.acontecimentos), quais(tipo, dito.acontecimentos), tipo);
    }
    assertEquals(quais("PUT", depois.acontecimentos), 3);
    assertEquals(quais("REPLICATION", depois.acontecimentos), 6);
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});

Deno.test("abrirRastros() recusa um rastro que não há, e uma corrida gravada sem mensagens", async () => {
  await assertRejects(() => abrirRastros(["/nao/ha"], { gravada: false }), Error, "/nao/ha");
  const vazio = await Deno.makeTempFile();
  await assertRejects(() => abrirRastros([vazio], { gravada: true }), Error, "não têm mensagens");
  await Deno.remove(vazio);
});
