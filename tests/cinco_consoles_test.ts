import { assert, assertEquals } from "@std/assert";
import { ate, Fio, iniciarTresProgramas, Programa } from "./apoio.ts";

// Os cinco consoles do teste do professor (seção 7).

const linhasDe = (texto: string) => texto.split("\n").slice(0, -1);

Deno.test("cinco consoles: PUT por um, GET por outro, e TRY_OTHER_SERVER_OR_LATER de propósito", async () => {
  await using grupo = await iniciarTresProgramas({ 2: ["--atraso=2500"] });
  const servidores = `--servidores=${grupo.enderecos.join()}`;
  await using x = new Programa("cliente", [servidores]);
  await using y = new Programa("cliente", [servidores]);
  await x.digitar("PUT\nk\nv1\n");
  await x.linha(/^PUT_OK key: k value v1 timestamp 1 realizada no servidor 127.0.0.1:\d+$/);
  await y.digitar("GET\nk\n");
  await y.linha(
    /^GET key: k value: v1 obtido do servidor 127.0.0.1:\d+, meu timestamp 0 e do servidor 1$/,
  );
  await x.digitar("PUT\nk\nv2\n");
  await grupo.programas[2]!.linha("REPLICATION key:k value:v2 ts:2");
  // Y vê v2 em quem já o tem, e então o servidor lento lhe pede que tente outro.
  const pergunta = async (visto: string) => {
    const antes = y.saida.length;
    await y.digitar("GET\nk\n");
    await ate(() => y.saida.slice(antes).endsWith("Opção:\n"), "o menu voltar");
    return y.saida.slice(antes).includes(`\nGET key: k value: ${visto} obtido`);
  };
  await ate(() => pergunta("v2"), "Y ver v2");
  await ate(() => pergunta("TRY_OTHER_SERVER_OR_LATER"), "o servidor lento recusar");
  await x.linha(/^PUT_OK key: k value v2 timestamp 2 realizada/);
  await grupo.programas[0]!.linha(/^Enviando PUT_OK ao Cliente 127.0.0.1:\d+ da key:k ts:2$/);
  for (const programa of grupo.programas) {
    assert(!/ERRO|Aviso/.test(programa.erros), programa.erros);
  }
});

Deno.test("três processos, 50 clientes × 100 PUTs em poucas keys: tudo igual e em ordem", async () => {
  const { Cliente } = await import("../cliente.ts");
  await using grupo = await iniciarTresProgramas({});
  const clientes = Array.from({ length: 50 }, () => new Cliente(grupo.enderecos));
  const timestamps: number[] = [];
  const ultimos = new Map<string, { timestamp: number; value: string }>();
  await Promise.all(clientes.map(async (cliente, c) => {
    const vistos = new Map<string, number>();
    for (let n = 0; n < 100; n++) {
      const key = `k${(c + n) % 7}`;
      const value = `cliente ${c}, PUT ${n}`;
      const { timestamp } = await cliente.put(key, value);
      assert(timestamp > (vistos.get(key) ?? 0), "o PUT de um cliente voltou no tempo");
      timestamps.push(timestamp);
      if (timestamp > (ultimos.get(key)?.timestamp ?? 0)) ultimos.set(key, { timestamp, value });
      const lida = `k${n % 7}`;
      const resposta = await cliente.get(lida);
      vistos.set(key, Math.max(vistos.get(key) ?? 0, timestamp));
      assertEquals(resposta.tipo, "GET_OK");
      assert(resposta.timestamp >= (vistos.get(lida) ?? 0), "um GET voltou no tempo");
      vistos.set(lida, resposta.timestamp);
    }
  }));
  await Promise.all(clientes.map((cliente) => cliente.fechar()));
  assertEquals(timestamps.sort((a, b) => a - b), Array.from({ length: 5000 }, (_, n) => n + 1));
  for (const endereco of grupo.enderecos) {
    await using fio = await Fio.abrir(endereco);
    for (const [key, { timestamp, value }] of ultimos) {
      const lido = await fio.pedir({ tipo: "GET", id: 1, key, timestamp });
      assertEquals([lido.tipo, lido.value, lido.timestamp], ["GET_OK", value, timestamp]);
    }
  }
  // Na console do líder, os PUTs confirmados saem na ordem dos timestamps.
  const confirmados = linhasDe(grupo.programas[0]!.saida)
    .map((linha) => /^Enviando PUT_OK .* ts:(\d+)$/.exec(linha)?.[1]).filter(Boolean).map(Number);
  assertEquals(confirmados, timestamps);
});
