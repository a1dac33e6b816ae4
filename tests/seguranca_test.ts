import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Cliente } from "../cliente.ts";
import { lerEndereco } from "../lib/endereco.ts";
import { falhaDefinitiva } from "../lib/pedidos.ts";
import { provar } from "../lib/seguranca.ts";
import { discar } from "../mensagem.ts";
import { fazerCertificados } from "../exemplos/certificados.ts";
import { type OpcoesDoServidor, Servidor } from "../servidor.ts";
import { atendendo, Fio, iniciarGrupo, type Json, Programa, respondido } from "./apoio.ts";

const SEGREDO = "um segredo de teste, bem comprido";
const DESAFIO = "00".repeat(32);
const EXIGE = /exige a prova do segredo$/;

/** Um servidor sozinho, com o que se quiser. */
const sozinho = (opcoes: OpcoesDoServidor) =>
  Servidor.iniciar({ porta: 0, replicas: 0, ...opcoes });

/** Três servidores com as mesmas opções. */
const grupoCom = (opcoes: OpcoesDoServidor) => iniciarGrupo(2, { 0: opcoes, 1: opcoes, 2: opcoes });

/** Faz a sua parte da prova, com um segredo qualquer; devolve a resposta. */
async function provarSe(fio: Fio, segredo: string): Promise<Json> {
  const { desafio } = await fio.pedir({ tipo: "AUTH", id: 1, desafio: DESAFIO });
  const prova = await provar(segredo, "cliente", [DESAFIO, desafio]);
  return await fio.pedir({ tipo: "AUTH_PROOF", id: 2, prova });
}

Deno.test("segredo: um grupo que o sabe trabalha como sempre", async () => {
  await using grupo = await grupoCom({ segredo: SEGREDO });
  await using cliente = new Cliente(grupo.enderecos, { seguranca: { segredo: SEGREDO } });
  for (let n = 1; n <= 20; n++) {
    assertEquals((await cliente.put("k", `v${n}`)).timestamp, n);
    assertEquals((await respondido(cliente.get("k"))).value, `v${n}`);
  }
});

Deno.test("segredo: quem não o prova tem um ERRO, a conexão fechada, e nada acontece", async () => {
  await using servidor = await sozinho({ segredo: SEGREDO });
  const pedidos = [
    { tipo: "GET", id: 7, key: "k", timestamp: 0 },
    { tipo: "PUT", id: 7, key: "k", value: "v" },
    { tipo: "JOIN", id: 7, endereco: "127.0.0.1:1", token: "t" },
    { tipo: "REPLICATION", id: 7, key: "k", value: "v", timestamp: 9 },
    { tipo: "PULSE", id: 7 },
    { tipo: "AUTH_PROOF", id: 7, prova: DESAFIO },
  ];
  for (const pedido of pedidos) {
    await using fio = await Fio.abrir(servidor.endereco);
    await fio.enviar(pedido, pedido);
    const [erro, ...mais] = await fio.fim();
    assertEquals({ ...erro, erro: "" }, { tipo: "ERRO", id: 7, erro: "", definitivo: true });
    assertMatch(erro.erro, EXIGE);
    assertEquals(mais, []);
  }
  for (const linha of ["lixo\n", "[]\n", '[{"tipo":"GET","id":1,"key":"k"}]\n', "9".repeat(2000)]) {
    await using fio = await Fio.abrir(servidor.endereco);
    await fio.enviar(linha);
    const respostas = await fio.fim();
    assertEquals(respostas.map(({ tipo }) => tipo), ["ERRO"], linha.slice(0, 40));
  }
  await using fio = await Fio.abrir(servidor.endereco);
  assertEquals((await provarSe(fio, SEGREDO)).tipo, "AUTH_OK");
  const { value, timestamp } = await fio.pedir({ tipo: "GET", id: 3, key: "k" });
  assertEquals({ value, timestamp }, { value: null, timestamp: 0 });
});

Deno.test("segredo: prova errada, devolvida, repetida ou de outra conexão não serve", async () => {
  await using servidor = await sozinho({ segredo: SEGREDO });
  const desafiar = async (fio: Fio) =>
    await fio.pedir({ tipo: "AUTH", id: 1, desafio: DESAFIO }) as {
      desafio: string;
      prova: string;
    };
  const recusada = async (fio: Fio, prova: string) => {
    await fio.enviar({ tipo: "AUTH_PROOF", id: 2, prova }, { tipo: "GET", id: 3, key: "k" });
    const respostas = await fio.fim();
    assertEquals(respostas.map(({ tipo, id }) => [tipo, id]), [["ERRO", 2]]);
  };
  await using comOutro = await Fio.abrir(servidor.endereco);
  assertMatch((await provarSe(comOutro, SEGREDO + "?")).erro, EXIGE);
  // A prova que o servidor deu de si, devolvida a ele.
  await using reflexo = await Fio.abrir(servidor.endereco);
  await recusada(reflexo, (await desafiar(reflexo)).prova);
  // A prova boa de outra conexão: o desafio desta é outro.
  await using boa = await Fio.abrir(servidor.endereco);
  await using copia = await Fio.abrir(servidor.endereco);
  const { desafio } = await desafiar(boa);
  assert(desafio !== (await desafiar(copia)).desafio);
  await recusada(copia, await provar(SEGREDO, "cliente", [DESAFIO, desafio]));
  // Um segundo desafio na mesma conexão.
  await using segundo = await Fio.abrir(servidor.endereco);
  await desafiar(segundo);
  assertEquals((await segundo.pedir({ tipo: "AUTH", id: 9, desafio: DESAFIO })).tipo, "ERRO");
});

Deno.test("segredo: o cliente não pede nada a quem não o prova, nem a quem não o tem", async () => {
  using ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const falso = lerEndereco(`127.0.0.1:${ouvinte.addr.port}`);
  const discado = assertRejects(
    () => discar(falso, 5_000, { seguranca: { segredo: SEGREDO } }),
    Error,
    "não provou que sabe o segredo",
  );
  await using fio = await Fio.aceitar(ouvinte);
  const { id, desafio } = await fio.receber();
  const prova = await provar("outro segredo qualquer", "servidor", [desafio, DESAFIO]);
  await fio.enviar({ tipo: "AUTH_CHALLENGE", id, desafio: DESAFIO, prova });
  await discado;
  assertEquals(await fio.fim(), []);
  await using aberto = await sozinho({});
  await using cliente = new Cliente([aberto.endereco], {
    seguranca: { segredo: SEGREDO },
    repetir: false,
  });
  const erro = await assertRejects(() => cliente.get("k"), Error, "não tem segredo");
  assertEquals((erro.cause as { definitivo: boolean }).definitivo, true);
});

Deno.test("segredo: quem se liga e cala é despedido, com o limite por resposta", async () => {
  await using servidor = await sozinho({ segredo: SEGREDO });
  await using fio = await Fio.abrir(servidor.endereco);
  const [erro] = await fio.fim();
  assertMatch(erro.erro, /sem a prova do segredo em 5 s, o limite$/);
});

Deno.test("TLS: um grupo inteiro em TLS, com e sem segredo, e quem não confia nele", async () => {
  const { ca, cert, chave } = await fazerCertificados(["127.0.0.1"]);
  for (const segredo of [undefined, SEGREDO]) {
    await using grupo = await grupoCom({ segredo, tls: { cert, chave, ca } });
    await using cliente = new Cliente(grupo.enderecos, { seguranca: { segredo, tls: { ca } } });
    for (let n = 1; n <= 10; n++) {
      assertEquals((await cliente.put("k", `é ${n} 😀`)).timestamp, n);
      assertEquals((await respondido(cliente.get("k"))).value, `é ${n} 😀`);
    }
    const longo = "x".repeat(900_000);
    await cliente.put("longo", longo);
    assertEquals((await respondido(cliente.get("longo"))).value, longo);
    const outra = await fazerCertificados(["127.0.0.1"]);
    await using alheio = new Cliente(grupo.enderecos, {
      seguranca: { segredo, tls: { ca: outra.ca } },
      repetir: false,
    });
    await assertRejects(() => alheio.get("k"), Error, "não é da autoridade");
  }
});

Deno.test("TLS: em claro para uma porta TLS, e o contrário: um erro claro, e ninguém pende", async () => {
  const { ca, cert, chave } = await fazerCertificados(["127.0.0.1"]);
  await using cifrado = await sozinho({ tls: { cert, chave } });
  await using emClaro = await sozinho({});
  await using semTls = new Cliente([cifrado.endereco], { repetir: false });
  const erro = await assertRejects(() => semTls.put("k", "v"));
  assertStringIncludes((erro as Error).message, "um lado usa TLS, e o outro não");
  assert(falhaDefinitiva(erro), "em TLS não se entendeu o PUT: é certo que não aconteceu");
  await using comTls = new Cliente([emClaro.endereco], {
    repetir: false,
    seguranca: { tls: { ca } },
  });
  await assertRejects(() => comTls.get("k"), Error, "não fala TLS");
  await using cliente = new Cliente([cifrado.endereco], { seguranca: { tls: { ca } } });
  assertEquals((await respondido(cliente.get("k"))).value, null);
});

Deno.test("TLS: um certificado de outro endereço não serve", async () => {
  const { ca, cert, chave } = await fazerCertificados(["127.0.0.2"]);
  await using servidor = await sozinho({ tls: { cert, chave } });
  await using cliente = new Cliente([servidor.endereco], {
    repetir: false,
    seguranca: { tls: { ca } },
  });
  await assertRejects(() => cliente.get("k"), Error, "não vale para este endereço");
});

Deno.test("servidor fora da máquina e sem segredo avisa uma vez; com ele, ou em 127.0.0.1, não", async () => {
  const segredo = await Deno.makeTempFile();
  await Deno.writeTextFile(segredo, SEGREDO);
  await Deno.chmod(segredo, 0o600).catch(() => {});
  const correr = async (...args: string[]) => {
    await using programa = new Programa("servidor", ["--replicas=0", ...args]);
    const porta = /--porta=(\d+)/.exec(args.join())![1];
    await atendendo(`127.0.0.1:${porta}`);
    // O aviso vem antes da primeira resposta.
    await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
    await fio.pedir({ tipo: "GET", id: 1, key: "k" });
    return programa;
  };
  const porta = () => {
    using ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return ouvinte.addr.port;
  };
  const enderecos = (ip: string, p = porta()) => [
    `--ip=${ip}`,
    `--porta=${p}`,
    `--lider=${ip}:${p}`,
  ];
  const aberto = await correr(...enderecos("0.0.0.0"));
  assertMatch(
    aberto.avisos,
    /^Aviso: sem --segredo, quem alcançar 0\.0\.0\.0:\d+ pode ler[^\n]*$/m,
  );
  for (const args of [[...enderecos("0.0.0.0"), `--segredo=${segredo}`], enderecos("127.0.0.1")]) {
    assertMatch((await correr(...args)).avisos, /^Pronto: [^\n]*\n$/);
  }
  await Deno.remove(segredo);
});

Deno.test("estranhos que pedem para entrar e calam não tomam o lugar de um seguidor", async () => {
  await using lider = await Servidor.iniciar({ porta: 0, replicas: 1 });
  // Atendem a ligação do líder e nada dizem: cada um ocupa um JOIN até o prazo, e mais nada.
  using mudo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using fio = await Fio.abrir(lider.endereco);
  await fio.enviar({
    tipo: "JOIN",
    id: 1,
    endereco: `127.0.0.1:${mudo.addr.port}`,
    token: "qualquer",
  });
  await using discado = await Fio.aceitar(mudo);
  assertEquals((await discado.receber()).tipo, "LEADER");
  // Com o estranho ainda por responder, o seguidor de verdade entra e o grupo trabalha.
  await using seguidor = await Servidor.iniciar({ porta: 0, lider: lider.endereco });
  await using cliente = new Cliente([seguidor.endereco]);
  assertEquals((await cliente.put("k", "v")).timestamp, 1);
  assertEquals((await fio.receber()).tipo, "ERRO");
  assertEquals((await cliente.put("k", "w")).timestamp, 2);
});
