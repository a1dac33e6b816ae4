import { assert, assertEquals, assertMatch } from "@std/assert";
import { abrirHistograma } from "../lib/metricas.ts";
import { Servidor } from "../servidor.ts";
import {
  argumentosDoServidor,
  ate,
  atendendo,
  Fio,
  MAPA,
  portasLivres,
  Programa,
  RAIZ,
} from "./apoio.ts";
import { Mundo } from "./mundo.ts";

const PRAZO_MS = 5_000;
/** Folga, no relógio de mentira: o que custa dar a vez no meio de um lote. */
const FOLGA_MS = 500;

const put = (id: number) => ({ tipo: "PUT", id, key: "k", value: "v" });

/** Um líder a quem falta um seguidor, num mundo de mentira, e um fio até ele. */
async function semSeguidor() {
  const mundo = new Mundo(1);
  const ip = "10.0.0.1";
  const servidor = await Servidor.iniciar(
    { ip, replicas: 1, prazo: PRAZO_MS },
    mundo.maquina(ip),
  );
  const canal = await mundo.maquina("10.0.0.9").conectar({ ip, porta: 10097 }, 1000);
  /** Cada resposta, e quando chegou. */
  const respostas: { id: number; tipo: string; erro: string; definitivo: boolean; em: number }[] =
    [];
  const leitura = (async () => {
    const buffer = new Uint8Array(1024 * 1024);
    let texto = "";
    for (let n; (n = await canal.read(buffer)) !== null;) {
      texto += new TextDecoder().decode(buffer.subarray(0, n));
      const linhas = texto.split("\n");
      texto = linhas.pop()!;
      for (const linha of linhas) {
        for (const resposta of [JSON.parse(linha)].flat()) {
          respostas.push({ ...resposta, em: mundo.agora });
        }
      }
    }
  })();
  return {
    mundo,
    respostas,
    async pedir(linhas: readonly unknown[]) {
      const texto = linhas.map((linha) => JSON.stringify(linha) + "\n").join("");
      await canal.write(new TextEncoder().encode(texto));
    },
    async [Symbol.asyncDispose]() {
      canal.close();
      await mundo.esperar(servidor.parar(), 60_000);
      await leitura.catch(() => {});
    },
  };
}

Deno.test("PUTs demorados num lote enorme: cada um acaba no seu prazo, e o GET não espera por eles", async () => {
  await using caso = await semSeguidor();
  const PUTS = 20_000;
  const lote = Array.from({ length: PUTS }, (_, id) => put(id));
  await caso.pedir([[...lote, { tipo: "GET", id: PUTS, key: "k" }]]);
  await caso.mundo.correr(() => caso.respostas.length === PUTS + 1, PRAZO_MS + FOLGA_MS);
  const [primeira] = caso.respostas;
  assertEquals([primeira!.id, primeira!.tipo], [PUTS, "GET_OK"]);
  assert(primeira!.em < FOLGA_MS, `o GET foi respondido aos ${primeira!.em} ms`);
  assert(caso.respostas.slice(1).every(({ tipo, definitivo }) => tipo === "ERRO" && definitivo));
});

Deno.test("PUTs demorados em dez mil linhas seguidas: cada um acaba no seu prazo, e o GET não espera", async () => {
  await using caso = await semSeguidor();
  const PUTS = 10_000;
  const linhas = Array.from({ length: PUTS }, (_, id) => put(id));
  await caso.pedir([...linhas, { tipo: "GET", id: PUTS, key: "k" }]);
  await caso.mundo.correr(() => caso.respostas.length === PUTS + 1, PRAZO_MS + FOLGA_MS);
  assertEquals(caso.respostas[0]!.id, PUTS);
  assert(caso.respostas.slice(1).every(({ tipo, definitivo }) => tipo === "ERRO" && definitivo));
});

Deno.test("numa conexão cheia de PUTs que não andam, o que vem depois é respondido logo", async () => {
  await using caso = await semSeguidor();
  const PUTS = 40_000;
  const linhas = Array.from({ length: PUTS }, (_, id) => put(id));
  await caso.pedir([...linhas, { tipo: "GET", id: PUTS, key: "k" }]);
  await caso.mundo.correr(() => caso.respostas.length === PUTS + 1, PRAZO_MS + FOLGA_MS);
  const logo = caso.respostas.filter(({ em }) => em < PRAZO_MS / 2);
  assert(logo.some(({ tipo }) => tipo === "GET_OK"), "o GET esperou pelos PUTs");
  const recusados = logo.filter(({ tipo }) => tipo === "ERRO");
  assert(recusados.length > 0 && recusados.length < PUTS / 2, `${recusados.length} recusados`);
  for (const { erro, definitivo } of recusados) {
    assert(definitivo);
    assertMatch(erro, /já há PUTs demais em curso nesta conexão/);
  }
});

Deno.test("SIGTERM no meio de um lote: o que foi lido tem resposta", async () => {
  const [porta] = portasLivres(1);
  const args = argumentosDoServidor(porta!, porta!, ["--replicas=0", "--silencioso"]);
  await using servidor = new Programa("servidor", args);
  await atendendo(`127.0.0.1:${porta}`);
  await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
  const ITENS = 15_000;
  await fio.pedir({ tipo: "PUT", id: ITENS, key: "k", value: "x".repeat(1000) });
  await fio.enviar(Array.from({ length: ITENS }, (_, id) => ({ tipo: "GET", id, key: "k" })));
  const primeira = await fio.receber();
  servidor.sinal("SIGTERM");
  const respostas = [primeira, ...await fio.fim()];
  assertEquals(respostas.length, ITENS);
  for (const { tipo, erro } of respostas) {
    assert(tipo === "GET_OK" || erro === "Pedido recusado: o servidor está parando");
  }
  assertEquals(await servidor.codigo(), 0);
});

Deno.test("um servidor que ainda enche a tabela não aceita ninguém", async () => {
  const mundo = new Mundo(3);
  const ip = "10.0.0.1";
  let soltar = () => {};
  const porSoltar = new Promise<void>((resolver) => soltar = resolver);
  const abrirDisco = async () => {
    await porSoltar;
    const nada = {
      nota: "",
      aviso: "",
      copia: false,
      contar: () => 0,
      ler: () => [],
      gravar: () => {},
      fechar: () => {},
    };
    const medidas = { transacoes: abrirHistograma(), linhas: 0, falhas: 0 };
    return { ...nada, medidas, recomecar: () => ({ quantos: 0, arquivo: undefined }) };
  };
  const opcoes = { ip, replicas: 0, dados: "lenta" };
  const inicio = Servidor.iniciar(opcoes, mundo.maquina(ip, abrirDisco));
  const conectar = () => mundo.maquina("10.0.0.9").conectar({ ip, porta: 10097 }, 1000);
  await mundo.correr(() => true, 0);
  const recusa = await conectar().then(() => "aceito", ({ message }) => message);
  assertEquals(recusa, "10.0.0.1:10097: conexão recusada");
  soltar();
  const servidor = await inicio;
  (await conectar()).close();
  await mundo.esperar(servidor.parar(), 60_000);
});

Deno.test("Ctrl-C com uma saída que ninguém lê: o servidor sai", async () => {
  const [porta] = portasLivres(1);
  const args = argumentosDoServidor(porta!, porta!, ["--replicas=0"]);
  const filho = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...MAPA, "-A", new URL("servidor.ts", RAIZ).href, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  await atendendo(`127.0.0.1:${porta}`);
  await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
  // Muito mais linhas do que um pipe guarda, e ninguém a lê-lo.
  await fio.enviar(Array.from({ length: 5000 }, (_, id) => ({ tipo: "GET", id, key: "k" })));
  await fio.receberVarias(5000);
  filho.kill("SIGTERM");
  let codigo: number | undefined;
  filho.status.then(({ code }) => codigo = code);
  await ate(() => codigo !== undefined, "o servidor sair");
  assertEquals(codigo, 0);
  await filho.stdout.cancel();
});
