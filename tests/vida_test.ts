import { assert, assertEquals, assertMatch } from "@std/assert";
import { Cliente } from "../cliente.ts";
import { lerEndereco, lerMaquina, textoDoEndereco } from "../lib/endereco.ts";
import { Servidor } from "../servidor.ts";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";

const SEM_SINAIS = Deno.build.os === "windows";

Deno.test("cada mudança de estado é uma linha em stderr: quem é, quem falta, quem veio, quem se perdeu", async () => {
  const [a, b, c] = portasLivres(3) as [number, number, number];
  const nome = (porta: number) => `127.0.0.1:${porta}`;
  await using lider = new Programa("servidor", argumentosDoServidor(a, a));
  await atendendo(nome(a));
  await using cliente = new Cliente([nome(a)], { prazo: 10_000 });
  await using um = new Programa("servidor", argumentosDoServidor(b, a));
  await ate(() => um.erros.includes("Pronto"), "o primeiro começar");
  const falta = cliente.put("k", "v").catch((erro) => erro);
  const erro = await falta;
  assertMatch(String(erro), /1 de 2 outros servidores presentes/);

  await using outro = new Programa("servidor", argumentosDoServidor(c, a));
  await ate(() => lider.erros.includes("aceita PUTs"), "o grupo completar-se");
  await outro.matar();
  await ate(() => lider.erros.includes("os PUTs esperam"), "o líder notar");
  // Um novo, noutro endereço, toma o lugar de quem se perdeu: não se espera mais por ele.
  const [d] = portasLivres(1);
  await using substituto = new Programa("servidor", argumentosDoServidor(d!, a));
  await ate(() => lider.erros.split("aceita PUTs").length === 3, "o substituto entrar");
  const linhas = lider.avisos.trimEnd().split("\n").map((linha) =>
    linha.replaceAll(nome(b), "B").replaceAll(nome(c), "C").replaceAll(nome(d!), "D")
  );
  assertEquals(
    linhas[0],
    `Pronto: líder em ${nome(a)}, com 0 keys; à espera de 2 outros servidores`,
  );
  assertEquals(linhas.at(-1), "D está em dia; não falta ninguém: aceita PUTs");
  assert(
    linhas.some((linha) => /^Aviso: .*C.*; os PUTs esperam que C volte$/.test(linha)),
    lider.erros,
  );
  assertEquals(um.avisos.split("\n").slice(0, 2), [
    `Pronto: seguidor em ${nome(b)}, com 0 keys; procura o líder em ${nome(a)}`,
    `Em dia com o líder ${nome(a)}: aceita PUTs`,
  ]);
  await ate(() => substituto.erros.includes("Em dia com o líder"), "o substituto sabê-lo");
});

Deno.test(
  "Ctrl-C com um PUT em curso diz o que se espera, e até quando",
  { ignore: SEM_SINAIS },
  async () => {
    const [porta] = portasLivres(1);
    await using servidor = new Programa(
      "servidor",
      argumentosDoServidor(porta!, porta!, ["--prazo=3000"]),
    );
    await atendendo(`127.0.0.1:${porta}`);
    await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
    await fio.enviar({ tipo: "PUT", id: 1, key: "k", value: "v" });
    await servidor.linha(/^Cliente .* PUT key:k/);
    servidor.sinal("SIGINT");
    await ate(() => servidor.erros.includes("Parando"), "dizer o que espera");
    assertMatch(
      servidor.erros,
      /Parando: à espera de 1 PUTs em curso, no máximo 3 s; outro Ctrl-C sai já/,
    );
    assertEquals((await fio.receber()).definitivo, true);
    assertEquals(await servidor.codigo(), 0);
  },
);

Deno.test("Ctrl-Z não suspende um servidor, que deixaria os outros à espera", {
  ignore: SEM_SINAIS,
}, async () => {
  const [porta] = portasLivres(1);
  await using servidor = new Programa(
    "servidor",
    argumentosDoServidor(porta!, porta!, ["--replicas=0"]),
  );
  await atendendo(`127.0.0.1:${porta}`);
  servidor.sinal("SIGTSTP");
  await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
  assertEquals((await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "v" })).tipo, "PUT_OK");
});

Deno.test("--anuncio: atende num endereço e é conhecido por outro", async () => {
  const [a, b] = portasLivres(2) as [number, number];
  const opcoes = { ip: "0.0.0.0", replicas: 1 };
  const lider = { ip: "127.0.0.1", porta: a };
  await using umLider = await Servidor.iniciar({ ...opcoes, porta: a, lider, anuncio: lider });
  assert(umLider.souLider, "anunciado pelo endereço do líder, é o líder");
  await using _outro = await Servidor.iniciar({
    ...opcoes,
    porta: b,
    lider,
    anuncio: `localhost:${b}`,
  });
  await using cliente = new Cliente([`127.0.0.1:${b}`]);
  assertEquals((await cliente.put("k", "v")).timestamp, 1);
});

Deno.test("um líder que atende em 0.0.0.0 sem --anuncio diz por que não se acha", async () => {
  const [porta] = portasLivres(1);
  const args = ["--ip=0.0.0.0", `--porta=${porta}`, `--lider=127.0.0.1:${porta}`, "--replicas=1"];
  await using servidor = new Programa("servidor", args);
  await ate(() => servidor.erros.includes("--anuncio"), "o aviso");
  assertMatch(servidor.erros, /o líder pedido é este mesmo servidor: diga, com --anuncio/);
});

Deno.test("endereços com o nome de uma máquina, onde uma pessoa os escreveria", async () => {
  assertEquals(textoDoEndereco(lerEndereco("KV-1.exemplo.org:10097")), "kv-1.exemplo.org:10097");
  assertEquals(lerMaquina("kv_2"), "kv_2");
  for (const mau of ["-x", "a..b", "1.2.3", "a b", "", "x.9"]) {
    let aceito = true;
    try {
      lerMaquina(mau);
    } catch (erro) {
      aceito = !(erro instanceof TypeError);
    }
    assert(!aceito, `aceitou ${JSON.stringify(mau)}`);
  }
  await using servidor = await Servidor.iniciar({ porta: 0, replicas: 0 });
  const porta = servidor.endereco.split(":")[1];
  await using cliente = new Cliente([{ ip: "localhost", porta: Number(porta) }]);
  assertEquals((await cliente.put("k", "v")).timestamp, 1);
});
