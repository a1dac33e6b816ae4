/**
 * A ponte, no que só ela tem: o etcd por baixo, que pode ir atrás, cair, ser de outros programas; e
 * levar para lá uma pasta de dados.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Cliente } from "../../cliente.ts";
import { abrirEtcd as abrirClienteDoEtcd } from "../../ponte/etcd.ts";
import { importar } from "../../ponte/importar.ts";
import { Servidor } from "../../servidor.ts";
import { ate, Fio, type Json, portasLivres, Programa } from "../apoio.ts";
import { abrirEtcd, abrirPontes, SEM_ETCD } from "../apoio/etcd.ts";

const COM_ETCD = { ignore: SEM_ETCD };
const COM_SINAIS = { ignore: SEM_ETCD || Deno.build.os === "windows" };

/** Um POST ao gateway, como outro programa o faria. */
async function postar(url: string, caminho: string, corpo: object): Promise<void> {
  const resposta = await fetch(url + caminho, { method: "POST", body: JSON.stringify(corpo) });
  await resposta.body?.cancel();
}

Deno.test(
  "um membro parado: a ponte dele diz TRY_OTHER_SERVER_OR_LATER a quem viu mais, até que ele continue",
  COM_SINAIS,
  async () => {
    await using etcd = await abrirEtcd();
    await using pontes = await abrirPontes(etcd, "--silencioso", "--prazo=8000");
    const lider = (await etcd.lider())!;
    const [atras, outro] = [0, 1, 2].filter((n) => n !== lider) as [number, number];
    await using fio = await Fio.abrir(pontes.enderecos[outro]!);
    const primeiro = await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "velho" });
    await using atrasado = await Fio.abrir(pontes.enderecos[atras]!);
    await ate(
      async () => (await atrasado.pedir({ tipo: "GET", id: 1, key: "k" })).value === "velho",
      "chegar o primeiro",
    );
    etcd.sinal(atras, "SIGSTOP");
    const { timestamp } = await fio.pedir({ tipo: "PUT", id: 2, key: "k", value: "novo" });
    assert(timestamp > primeiro.timestamp);
    // O GET chega enquanto o membro está parado, e é dos primeiros a ser respondido quando continua.
    await atrasado.enviar({ tipo: "GET", id: 2, key: "k", timestamp });
    etcd.sinal(atras, "SIGCONT");
    const resposta = await atrasado.receber();
    if (resposta.tipo === "GET_OK") assertEquals(resposta.value, "novo");
    else assertEquals(resposta.tipo, "TRY_OTHER_SERVER_OR_LATER");
    await ate(
      async () =>
        (await atrasado.pedir({ tipo: "GET", id: 3, key: "k", timestamp })).value === "novo",
      "chegar o segundo",
    );
  },
);

Deno.test(
  "um membro parado: os GETs que já esperavam acabam no prazo, por muitas keys que sejam",
  COM_SINAIS,
  async () => {
    await using etcd = await abrirEtcd();
    await using pontes = await abrirPontes(etcd, "--silencioso", "--prazo=2000");
    await using pilha = new AsyncDisposableStack();
    const fios: Fio[] = [];
    for (let n = 0; n < 8; n++) fios.push(pilha.use(await Fio.abrir(pontes.enderecos[0]!)));
    for (const fio of fios) await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "v" });
    etcd.sinal(0, "SIGSTOP");
    // Uma leitura de cada vez, cada uma à espera até desistir, não acabariam tão cedo.
    const GETS = 1_000;
    const espera = fios.map(async (fio, n) => {
      const gets = Array.from(
        { length: GETS },
        (_, id) => ({ tipo: "GET", id, key: `k${n}/${id}` }),
      );
      await fio.enviar(gets);
      return await fio.receberVarias(GETS);
    });
    let chegaram: Json[] | undefined;
    const todas = Promise.all(espera).then((todas) => chegaram = todas.flat(), () => {});
    const respostas = await ate(() => chegaram, "acabarem todos");
    await todas;
    assert(respostas.every(({ tipo, definitivo }) => tipo === "ERRO" && definitivo === true));
    etcd.sinal(0, "SIGCONT");
  },
);

Deno.test(
  "um etcd que se enche pode ter gravado o que recusou: o ERRO do PUT não é definitivo",
  COM_ETCD,
  async () => {
    await using etcd = await abrirEtcd(`--quota-backend-bytes=${4 * 1024 * 1024}`);
    await using pontes = await abrirPontes(etcd, "--silencioso");
    await using fio = await Fio.abrir(pontes.enderecos[0]!);
    const value = "x".repeat(64 * 1024);
    const encher = async (): Promise<{ erro: string; definitivo: boolean }> => {
      for (let id = 0;; id++) {
        const resposta = await fio.pedir({ tipo: "PUT", id, key: `k${id}`, value });
        if (resposta.tipo === "ERRO") return resposta;
      }
    };
    const { erro, definitivo } = await encher();
    assertMatch(erro, /o etcd está cheio, ou tem pedidos demais/);
    assertEquals(definitivo, false);
  },
);

Deno.test(
  "com o seu membro morto a ponte não aceita ninguém, e os clientes vão a outra; volta com ele",
  COM_ETCD,
  async () => {
    await using etcd = await abrirEtcd();
    await using pontes = await abrirPontes(etcd, "--silencioso");
    await using cliente = new Cliente(pontes.enderecos, { prazo: 15_000 });
    await cliente.put("k", "antes");
    await etcd.matar(0);
    await ate(
      () =>
        Fio.abrir(pontes.enderecos[0]!).then(
          (fio) => fio[Symbol.asyncDispose]().then(() => false),
          () => true,
        ),
      "a ponte deixar de aceitar",
    );
    // O que ia ao encontro do líder morto não se confirma; os seguintes, sim.
    for (let n = 0; n < 10; n++) {
      await ate(
        () => cliente.put("k", `sem o membro ${n}`).catch(() => undefined),
        "os PUTs andarem",
      );
    }
    etcd.comecar(0);
    await ate(async () => {
      try {
        await using fio = await Fio.abrir(pontes.enderecos[0]!);
        return (await fio.pedir({ tipo: "GET", id: 1, key: "k" })).value === "sem o membro 9";
      } catch {
        return false;
      }
    }, "a ponte voltar");
    assertMatch(pontes.programa(0).avisos, /Aviso: o etcd: .*; não atende até que ele volte/);
  },
);

Deno.test(
  "keys de outros programas: uma apagada, um value que não é texto; e outro prefixo não se vê",
  COM_ETCD,
  async () => {
    await using etcd = await abrirEtcd();
    await using pontes = await abrirPontes(etcd, "--silencioso", "--prefixo=nosso/");
    const [url] = etcd.urls as [string];
    await using fio = await Fio.abrir(pontes.enderecos[0]!);
    const { timestamp } = await fio.pedir({ tipo: "PUT", id: 1, key: "apagada", value: "v" });
    await postar(url, "/v3/kv/deleterange", { key: btoa("nosso/apagada") });
    await ate(async () => {
      const { tipo, value } = await fio.pedir({ tipo: "GET", id: 2, key: "apagada", timestamp });
      return tipo === "GET_OK" && value === null;
    }, "deixar de haver");
    await postar(url, "/v3/kv/put", { key: btoa("nosso/bytes"), value: btoa("\xff\xfe") });
    const bytes = await fio.pedir({ tipo: "GET", id: 3, key: "bytes" });
    assertEquals([bytes.tipo, bytes.definitivo], ["ERRO", true]);
    assertMatch(bytes.erro, /não é texto UTF-8/);
    await postar(url, "/v3/kv/put", { key: btoa("alheio/k"), value: btoa("v") });
    assertEquals((await fio.pedir({ tipo: "GET", id: 4, key: "k" })).value, null);
  },
);

Deno.test(
  "SIGTERM: a ponte responde ao que leu, e sai com 0, também com a console à vista",
  COM_SINAIS,
  async () => {
    await using etcd = await abrirEtcd();
    await using pontes = await abrirPontes(etcd);
    await using fio = await Fio.abrir(pontes.enderecos[0]!);
    const ITENS = 2_000;
    await fio.enviar(
      Array.from({ length: ITENS }, (_, id) => ({ tipo: "PUT", id, key: `k${id}`, value: "v" })),
    );
    const primeira = await fio.receber();
    pontes.programa(0).sinal("SIGTERM");
    const respostas = [primeira, ...await fio.fim()];
    assertEquals(respostas.length, ITENS);
    assert(respostas.every(({ tipo, definitivo }) => tipo === "PUT_OK" || definitivo === true));
    assertEquals(await pontes.programa(0).codigo(), 0);
  },
);

Deno.test(
  "importar leva uma pasta por ordem, recomeça de onde ia, e não toca no que já lá está",
  COM_ETCD,
  async () => {
    await using etcd = await abrirEtcd();
    const [url] = etcd.urls as [string];
    const nosso = abrirClienteDoEtcd({ url, prefixo: "kv/" });
    const dados = await Deno.makeTempDir({ prefix: "kv-importar-" });
    try {
      const KEYS = 700;
      {
        await using servidor = await Servidor.iniciar({ porta: 0, replicas: 0, dados });
        await using cliente = new Cliente([servidor.endereco]);
        await Promise.all(Array.from({ length: KEYS }, (_, n) => cliente.put(`k${n}`, `v${n} 😀`)));
        await cliente.put("k0", "o último");
        const emUso = importar(dados, nosso, () => {});
        await assertRejects(() => emUso, Error, "em uso por outro servidor");
      }
      // Alguém já lá escreveu uma; e da primeira vez vai só uma parte.
      await nosso.gravar([{ key: "k5", value: "de outro" }], 5_000);
      let paginas = 0;
      const cortado = {
        ...nosso,
        gravarSeFaltam: (...args: Parameters<typeof nosso.gravarSeFaltam>) => {
          if (++paginas > 2) throw new Error("cortado");
          return nosso.gravarSeFaltam(...args);
        },
      };
      await assertRejects(() => importar(dados, cortado, () => {}), Error, "cortado");
      const dito: string[] = [];
      const { levadas, havia } = await importar(dados, nosso, (linha) => dito.push(linha));
      assertEquals(levadas + havia, KEYS);
      // As duas páginas de 128 que foram da primeira vez; a de outro estava numa delas.
      assertEquals(havia, 2 * 128);
      assertEquals(dito.at(-1), `Importadas ${levadas} de ${KEYS} keys; ${havia} já lá estavam`);
      const ler = async (key: string) => (await nosso.ler([key], 5_000)).versoes[0]!;
      assertEquals((await ler("k5")).value, "de outro");
      assertEquals((await ler("k0")).value, "o último");
      assertEquals((await ler("k699")).value, "v699 😀");
      // A última a ser escrita foi a última a ser levada.
      assert((await ler("k0")).timestamp >= (await ler("k698")).timestamp);
    } finally {
      nosso.fechar();
      await Deno.remove(dados, { recursive: true });
    }
  },
);

Deno.test("a linha de comando da ponte diz o que há de errado, e com que código sai", async () => {
  const [porta] = portasLivres(1);
  const casos: [string[], number, RegExp][] = [
    [[], 2, /^ERRO: falta --etcd=URL; veja --ajuda\n$/],
    [["--etcd=ftp://x"], 2, /^ERRO: --etcd: deve ser uma URL http ou https: "ftp:\/\/x"\n$/],
    [["importar", `--etcd=http://127.0.0.1:${porta}`], 2, /^ERRO: falta --dados=PASTA/],
    [
      ["importar", "--dados=/não/há", `--etcd=http://127.0.0.1:${porta}`],
      1,
      /^ERRO: não há uma tabela em "\/não\/há"\n$/,
    ],
    [["outra"], 2, /^ERRO: Argumento inesperado: "outra"/],
  ];
  for (const [args, codigo, erros] of casos) {
    await using programa = new Programa("ponte/ponte", args);
    assertEquals(await programa.codigo(), codigo);
    assertMatch(programa.erros, erros);
  }
});
