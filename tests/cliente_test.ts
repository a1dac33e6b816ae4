import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ate, iniciarGrupo, type Json, portasLivres, respondido } from "./apoio.ts";
import { servidorFalso } from "./apoio/servidor_falso.ts";
import { type CausaDaFalha, Cliente } from "../cliente.ts";
import { falhaDefinitiva } from "../lib/pedidos.ts";
import { Servidor } from "../servidor.ts";

Deno.test("Cliente.put() e get() dizem o que o servidor respondeu, e qual servidor", async () => {
  await using grupo = await iniciarGrupo();
  await using cliente = new Cliente(grupo.enderecos);
  const resposta = await cliente.put("k", "v");
  assertEquals([resposta.tipo, resposta.key, resposta.timestamp], ["PUT_OK", "k", 1]);
  assert(grupo.enderecos.includes(resposta.servidor));
  const lido = await respondido(cliente.get("k"));
  assertEquals([lido.tipo, lido.value, lido.timestamp, lido.meuTimestamp], ["GET_OK", "v", 1, 1]);
  assert(grupo.enderecos.includes(lido.servidor));
  const nada = await respondido(cliente.get("outra"));
  assertEquals([nada.value, nada.timestamp, nada.meuTimestamp], [null, 0, 0]);
});

Deno.test("Cliente sorteia o servidor de cada pedido, sem preferir nenhum", async () => {
  await using grupo = await iniciarGrupo(2);
  await using cliente = new Cliente(grupo.enderecos);
  const vezes = new Map<string, number>();
  for (let n = 0; n < 300; n++) {
    const { servidor } = await cliente.get("k");
    vezes.set(servidor, (vezes.get(servidor) ?? 0) + 1);
  }
  assertEquals([...vezes.keys()].sort(), [...grupo.enderecos].sort());
  // A chance de um dos três ficar abaixo de 50 em 300 é menor que 1 em 10 milhões.
  assert(Math.min(...vezes.values()) > 50, `sorteio viciado: ${[...vezes]}`);
});

Deno.test("Cliente envia com o GET o maior timestamp que já viu da key, um para cada key", async () => {
  const timestamps: Json = { a: 7, b: 3 };
  await using servidor = servidorFalso(({ tipo, key }) =>
    tipo === "PUT" ? { tipo: "PUT_OK", timestamp: timestamps[key] } : {
      tipo: "GET_OK",
      value: "v",
      timestamp: timestamps[key],
    }
  );
  await using cliente = new Cliente([servidor.endereco]);
  await cliente.put("a", "v");
  await cliente.get("b");
  timestamps.b = 5;
  await cliente.get("a");
  await cliente.get("b");
  await cliente.get("b");
  const enviados = servidor.recebidos.map(({ tipo, key, timestamp }) => [tipo, key, timestamp]);
  assertEquals(enviados, [
    ["PUT", "a", undefined],
    ["GET", "b", 0],
    ["GET", "a", 7],
    ["GET", "b", 3],
    ["GET", "b", 5],
  ]);
});

Deno.test("Cliente não devolve um value mais antigo que o de outro pedido seu em curso", async () => {
  let velho: (() => void) | undefined;
  await using servidor = servidorFalso(({ timestamp }, conn) => {
    // O primeiro GET demora e traz o value antigo; os outros, na hora, o novo.
    if (velho || timestamp > 0) return { tipo: "GET_OK", value: "novo", timestamp: 9 };
    velho = () => {
      const linha = '{"tipo":"GET_OK","id":1,"key":"k","value":"velho","timestamp":4}\n';
      conn.write(new TextEncoder().encode(linha));
    };
    return null;
  });
  await using cliente = new Cliente([servidor.endereco], { repetir: false });
  const primeiro = cliente.get("k");
  await ate(() => velho, "o primeiro GET chegar");
  assertEquals((await respondido(cliente.get("k"))).value, "novo");
  velho!();
  const { value, timestamp, meuTimestamp } = await respondido(primeiro);
  assertEquals([value, timestamp, meuTimestamp], ["novo", 9, 9]);
});

Deno.test("Cliente tem muitos pedidos em curso numa conexão só por servidor", async () => {
  const conexoes = new Set<Deno.TcpConn>();
  await using servidor = servidorFalso((_, conn) => {
    conexoes.add(conn);
    return { tipo: "GET_OK", value: null, timestamp: 0 };
  });
  await using cliente = new Cliente([servidor.endereco]);
  const respostas = await Promise.all(Array.from({ length: 500 }, (_, n) => cliente.get(`k${n}`)));
  assertEquals(respostas.map(({ key }) => key), respostas.map((_, n) => `k${n}`));
  assertEquals(conexoes.size, 1);
});

Deno.test("Cliente tenta outro servidor quando o sorteado não pode ser alcançado", async () => {
  await using grupo = await iniciarGrupo(0);
  const mortas = portasLivres(2).map((porta) => `127.0.0.1:${porta}`);
  for (const repetir of [true, false]) {
    await using cliente = new Cliente([...mortas, ...grupo.enderecos], { repetir });
    for (let n = 0; n < 10; n++) {
      assertEquals((await cliente.put(`k${n}`, "v")).servidor, grupo.enderecos[0]);
      assertEquals((await cliente.get(`k${n}`)).servidor, grupo.enderecos[0]);
    }
  }
});

Deno.test("Cliente sem nenhum servidor alcançável falha, com certeza de que nada aconteceu", async () => {
  const mortas = portasLivres(3).map((porta) => `127.0.0.1:${porta}`);
  await using cliente = new Cliente(mortas, { repetir: false });
  for (const pedido of [() => cliente.put("k", "v"), () => cliente.get("k")]) {
    const erro = await assertRejects(pedido, Error, "Nenhum servidor pôde ser alcançado");
    assert(falhaDefinitiva(erro));
  }
});

Deno.test("Cliente com repetir insiste, até o prazo, num grupo que ainda não começou", async () => {
  const [porta] = portasLivres(1);
  await using cliente = new Cliente([`127.0.0.1:${porta}`]);
  const put = cliente.put("k", "v");
  await using _grupo = await iniciarGrupo(0, { 0: { porta: porta! } });
  assertEquals((await put).timestamp, 1);
});

Deno.test("Cliente mostra ou repete um TRY_OTHER_SERVER_OR_LATER, conforme a opção", async () => {
  let atrasado = 3;
  await using servidor = servidorFalso(({ tipo }) => {
    if (tipo === "PUT") return { tipo: "PUT_OK", timestamp: 5 };
    return atrasado-- > 0
      ? { tipo: "TRY_OTHER_SERVER_OR_LATER", timestamp: 2 }
      : { tipo: "GET_OK", value: "v", timestamp: 5 };
  });
  await using insistente = new Cliente([servidor.endereco]);
  await insistente.put("k", "v");
  assertEquals((await respondido(insistente.get("k"))).value, "v");
  atrasado = 1;
  await using simples = new Cliente([servidor.endereco], { repetir: false });
  await simples.put("k", "v");
  const recusado = await simples.get("k");
  const { tipo, timestamp, meuTimestamp } = recusado;
  const value = "value" in recusado ? recusado.value : undefined;
  assertEquals([tipo, timestamp, meuTimestamp, value], [
    "TRY_OTHER_SERVER_OR_LATER",
    2,
    5,
    undefined,
  ]);
});

Deno.test("Cliente.get() desiste de insistir no prazo e devolve o TRY_OTHER_SERVER_OR_LATER", async () => {
  await using servidor = servidorFalso(() => ({ tipo: "TRY_OTHER_SERVER_OR_LATER", timestamp: 0 }));
  await using cliente = new Cliente([servidor.endereco], { prazo: 150 });
  assertEquals((await cliente.get("k")).tipo, "TRY_OTHER_SERVER_OR_LATER");
});

Deno.test("Cliente que perde a conexão: o GET vai a outro; o PUT falha na hora, sem repetir", async () => {
  await using ruim = servidorFalso((_, conn) => {
    conn.close();
    return null;
  });
  await using grupo = await iniciarGrupo(0);
  await using cliente = new Cliente([ruim.endereco, grupo.enderecos[0]!]);
  for (let n = 0; n < 20; n++) assertEquals((await cliente.get("k")).servidor, grupo.enderecos[0]);
  assert(ruim.recebidos.length > 0, "em 20 sorteios, nenhum GET foi ao servidor ruim");
  await using soRuim = new Cliente([ruim.endereco]);
  const antes = ruim.recebidos.length;
  const erro = await assertRejects(() => soRuim.put("k", "v"), Error, "Conexão");
  assert(!falhaDefinitiva(erro), "um PUT enviado pode ter acontecido");
  assertEquals(ruim.recebidos.length, antes + 1);
});

Deno.test("Cliente sem resposta falha no prazo; um PUT, sem certeza", async () => {
  await using mudo = servidorFalso(() => null);
  await using cliente = new Cliente([mudo.endereco], { prazo: 100 });
  const erro = await assertRejects(() => cliente.put("k", "v"), Error, "Sem resposta");
  assert(!falhaDefinitiva(erro));
  await assertRejects(() => cliente.get("k"), Error, "Sem resposta");
});

Deno.test("Cliente não perde um GET por causa de um servidor que aceita e não responde", async () => {
  await using mudo = servidorFalso(() => null);
  await using grupo = await iniciarGrupo(0);
  await using cliente = new Cliente([mudo.endereco, grupo.enderecos[0]!], {
    prazo: 1000,
    repetir: false,
  });
  await Promise.all(Array.from({ length: 20 }, () => cliente.get("k")));
  assert(mudo.recebidos.length > 0, "em 20 sorteios, nenhum GET foi ao servidor mudo");
});

Deno.test("Cliente passa adiante o ERRO do servidor, com a certeza que ele tem", async () => {
  for (const definitivo of [true, false]) {
    await using servidor = servidorFalso(() => ({ tipo: "ERRO", erro: "não dá\x1b", definitivo }));
    await using cliente = new Cliente([servidor.endereco]);
    const erro = await assertRejects(() => cliente.put("k", "v"), Error, "não dá");
    assertEquals(falhaDefinitiva(erro), definitivo);
    assertEquals((erro.cause as CausaDaFalha).resposta?.tipo, "ERRO");
  }
});

Deno.test("Cliente recusa antes de enviar o que o servidor recusaria", async () => {
  await using servidor = servidorFalso(() => null);
  await using cliente = new Cliente([servidor.endereco]);
  for (
    const [key, value] of [
      ["", "v"],
      ["k".repeat(1025), "v"],
      ["k", "\ud800"],
      ["k", '"'.repeat(600_000)],
    ] as const
  ) {
    const erro = await assertRejects(() => cliente.put(key, value), Error);
    assert(falhaDefinitiva(erro));
  }
  await assertRejects(() => cliente.get(""), TypeError, "vazia");
  assertEquals(servidor.recebidos, []);
  assertThrows(() => new Cliente([]), TypeError, "ao menos um");
  assertThrows(() => new Cliente(["127.0.0.1"]), TypeError, "Endereço inválido");
});

Deno.test("Cliente aceita três endereços que são um servidor só", async () => {
  await using grupo = await iniciarGrupo(0);
  const um = grupo.enderecos[0]!;
  await using cliente = new Cliente([um, um, um]);
  await cliente.put("k", "v");
  assertEquals((await respondido(cliente.get("k"))).value, "v");
});

Deno.test("Cliente.fechar() faz falhar na hora o que está em curso, e de novo nada faz", async () => {
  await using mudo = servidorFalso(() => null);
  const cliente = new Cliente([mudo.endereco]);
  const emCurso = assertRejects(() => cliente.put("k", "v"), Error, "Cliente fechado");
  await ate(() => mudo.recebidos.length > 0, "o PUT sair");
  await cliente.fechar();
  await cliente.fechar();
  await emCurso;
  const erro = await assertRejects(() => cliente.get("k"), Error, "Cliente fechado");
  assert(falhaDefinitiva(erro));
});

Deno.test("Cliente não aprende por um erro onde está o líder", async () => {
  const [porta] = portasLivres(1);
  const lider = `127.0.0.1:${porta}`;
  await using seguidor = await Servidor.iniciar({ porta: 0, lider, prazo: 100 });
  await using cliente = new Cliente([seguidor.endereco]);
  const erro = await assertRejects(() => cliente.put("k", "v"), Error, "sem ligação com o líder");
  assert(falhaDefinitiva(erro));
  assert(!erro.message.includes(lider), erro.message);
});
