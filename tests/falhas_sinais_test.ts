import { assertEquals } from "@std/assert";
import { argumentosDoServidor, ate, portasLivres, Programa } from "./apoio.ts";
import { liderar } from "./apoio/protocolo.ts";
import { iniciarTres } from "./apoio/tres.ts";

/** No Windows um processo não manda Ctrl-C a outro: qualquer sinal o mata. */
const SEM_SINAIS = Deno.build.os === "windows";

Deno.test("Ctrl-C: o servidor termina os PUTs em curso, recusa novos, e sai com 0", {
  ignore: SEM_SINAIS,
}, async () => {
  await using grupo = await iniciarTres(["--dados", "--atraso=3000"]);
  await ate(() => grupo.programas[0]!.avisos.includes("aceita PUTs"), "o líder aceitar PUTs");
  await using fio = await grupo.abrir(0);
  await fio.enviar({ tipo: "PUT", id: 1, key: "k", value: "v" });
  await grupo.programas[0]!.linha(/^Cliente .* PUT key:k value:v$/);
  // `deno task` repassa o Ctrl-C que o terminal já mandou: dois sinais juntos são um só.
  grupo.programas[0]!.sinal("SIGTERM");
  grupo.programas[0]!.sinal("SIGINT");
  // O sinal e o pedido seguinte correm: o servidor já o recebeu quando deixa de aceitar conexões.
  await ate(
    () => grupo.abrir(0).then((outro) => outro[Symbol.asyncDispose](), () => true),
    "parar",
  );
  await fio.enviar({ tipo: "GET", id: 2, key: "k" }, { tipo: "PUT", id: 3, key: "k", value: "w" });
  const respostas = await fio.receberVarias(3);
  assertEquals(respostas.map(({ tipo, definitivo }) => [tipo, definitivo]), [
    ["PUT_OK", undefined],
    ["ERRO", true],
    ["ERRO", true],
  ]);
  assertEquals(await grupo.programas[0]!.codigo(), 0);
  for (const n of [1, 2]) {
    grupo.programas[n]!.sinal("SIGINT");
    assertEquals(await grupo.programas[n]!.codigo(), 0);
  }
});

Deno.test("Ctrl-C duas vezes: o servidor sai na hora", { ignore: SEM_SINAIS }, async () => {
  await using grupo = await iniciarTres(["--atraso=60000", "--prazo=60000"]);
  await using fio = await grupo.abrir(0);
  await fio.enviar({ tipo: "PUT", id: 1, key: "k", value: "v" });
  await grupo.programas[0]!.linha(/^Cliente .* PUT key:k value:v$/);
  grupo.programas[0]!.sinal("SIGINT");
  await ate(
    () => grupo.abrir(0).then((outro) => outro[Symbol.asyncDispose](), () => true),
    "parar",
  );
  await new Promise((resolver) => setTimeout(resolver, 200));
  grupo.programas[0]!.sinal("SIGINT");
  assertEquals(await grupo.programas[0]!.codigo(), 130);
});

Deno.test("Ctrl-C no meio da replicação, com --dados: sai com 0 e sem dizer nada", {
  ignore: SEM_SINAIS,
}, async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    for (let vez = 0; vez < 5; vez++) {
      const [porta] = portasLivres(1);
      const args = argumentosDoServidor(porta!, ouvinte.addr.port, [`--dados=${pasta}/${vez}`]);
      await using seguidor = new Programa("servidor", args);
      const { fio, join } = await liderar(ouvinte);
      await using _fio = fio;
      await using _join = join;
      let acabou = false;
      const replicar = (async () => {
        for (let n = 1; !acabou; n++) {
          await fio.enviar({ tipo: "REPLICATION", key: `k${n % 50}`, value: "v", timestamp: n })
            .catch(() => acabou = true);
        }
      })();
      await seguidor.linha(/^REPLICATION key:k\d+ value:v ts:200$/);
      seguidor.sinal("SIGINT");
      const codigo = await seguidor.codigo();
      acabou = true;
      await replicar;
      assertEquals(codigo, 0);
      assertEquals(seguidor.avisos.replaceAll(/^(Pronto|Em dia).*\n/gm, ""), "");
    }
  } finally {
    ouvinte.close();
    await Deno.remove(pasta, { recursive: true });
  }
});

Deno.test("Ctrl-C no líder: os PUTs que um seguidor continua a encaminhar não o seguram", {
  ignore: SEM_SINAIS,
}, async () => {
  await using grupo = await iniciarTres(["--atraso=100"]);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  let parar = false;
  const clientes = Array.from({ length: 60 }, async (_, n) => {
    await using fio = await grupo.abrir(1);
    for (let id = 0; !parar; id++) {
      const resposta = await fio.pedir({ tipo: "PUT", id, key: `k${n}`, value: "v" });
      if (resposta.tipo === "ERRO") await new Promise((resolver) => setTimeout(resolver, 20));
    }
  });
  await grupo.programas[0]!.linha(/^Cliente .* PUT key:k7 value:v$/);
  grupo.programas[0]!.sinal("SIGINT");
  try {
    await ate(() => grupo.programas[0]!.acabou, "o líder parar");
    assertEquals(await grupo.programas[0]!.codigo(), 0);
  } finally {
    parar = true;
    await Promise.all(clientes);
  }
});
