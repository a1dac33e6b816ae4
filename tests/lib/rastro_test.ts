import { assert, assertEquals, assertThrows } from "@std/assert";
import { abrirRastro } from "../../lib/rastro.ts";

const lado = (hostname: string, port: number) => ({ transport: "tcp" as const, hostname, port });
const CONEXAO = { localAddr: lado("127.0.0.1", 1), remoteAddr: lado("::1", 2) };

/** O que ficou anotado num arquivo, uma anotação por linha. */
async function lerRastro(caminho: string) {
  const texto = await Deno.readTextFile(caminho);
  return texto.split("\n").slice(0, -1).map((linha) => JSON.parse(linha));
}

Deno.test("abrirRastro() anota cada mensagem numa linha: quem, de onde, para onde, quando e o quê", async () => {
  const caminho = await Deno.makeTempFile();
  const antes = Date.now() - 1_000;
  {
    using rastro = abrirRastro(caminho, "eu", []);
    rastro("enviou", CONEXAO)('{"n":1}');
    // As de um lote, uma a uma; o que não é JSON não é uma mensagem.
    rastro("recebeu", CONEXAO)('[{"n":2},{"n":3}]');
    rastro("recebeu", CONEXAO)("isto não é JSON");
  }
  const anotadas = await lerRastro(caminho);
  const lados = { quem: "eu", local: "127.0.0.1:1", remoto: "[::1]:2" };
  assertEquals(anotadas.map(({ quando: _, ...resto }) => resto), [
    { ...lados, sentido: "enviou", mensagem: { n: 1 } },
    { ...lados, sentido: "recebeu", mensagem: { n: 2 } },
    { ...lados, sentido: "recebeu", mensagem: { n: 3 } },
  ]);
  for (const { quando } of anotadas) assert(quando > antes && quando < Date.now() + 1_000);
  await Deno.remove(caminho);
});

Deno.test("abrirRastro() não anota os campos ocultos, de qualquer mensagem de um lote", async () => {
  const caminho = await Deno.makeTempFile();
  {
    using rastro = abrirRastro(caminho, "eu", ["senha", "prova"]);
    rastro("enviou", CONEXAO)('[{"senha":"x","n":1},{"n":2,"prova":"y","dentro":{"senha":"z"}}]');
  }
  const mensagens = (await lerRastro(caminho)).map(({ mensagem }) => mensagem);
  assertEquals(mensagens, [{ n: 1 }, { n: 2, dentro: {} }]);
  await Deno.remove(caminho);
});

Deno.test("abrirRastro() continua o arquivo que já havia, e diz por que não pode abrir um", async () => {
  const caminho = await Deno.makeTempFile();
  for (const n of [1, 2]) {
    using rastro = abrirRastro(caminho, "eu", []);
    rastro("enviou", CONEXAO)(`{"n":${n}}`);
  }
  assertEquals((await lerRastro(caminho)).map(({ mensagem }) => mensagem.n), [1, 2]);
  await Deno.remove(caminho);
  const semPasta = `${caminho}/rastro`;
  const erro = assertThrows(
    () => abrirRastro(semPasta, "eu", []),
    Error,
    "não é possível gravar em",
  );
  assert(erro.message.endsWith(": não existe"), erro.message);
});
