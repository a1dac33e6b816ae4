import { assert, assertEquals } from "@std/assert";
import {
  bytesEmUtf8,
  citar,
  citarJson,
  jsonVisivel,
  textoDaDuracao,
  textoDoErro,
  visivel,
} from "../../lib/texto.ts";
import { texto, verificar } from "../apoio/propriedades.ts";

Deno.test("visivel() escapa o que forjaria uma linha ou mandaria no terminal, e só isso", async () => {
  assertEquals(visivel("a\nb\r\t\0\x1b[31m\x7f\x9b"), "a\\nb\\r\\t\\x00\\x1b[31m\\x7f\\x9b");
  assertEquals(visivel("\u2028\u202e"), "\\u2028\\u202e");
  assertEquals(visivel('olá "mundo" 😀👩‍👩‍👧 \\ C:\\n'), 'olá "mundo" 😀👩‍👩‍👧 \\ C:\\n');
  await verificar(texto, (qualquer) => {
    assert(!/[\p{Cc}\u2028\u2029]/u.test(visivel(qualquer)));
    assert(!/[\p{Cc}\u2028\u2029]/u.test(jsonVisivel({ qualquer })));
    assertEquals(JSON.parse(jsonVisivel({ qualquer })), { qualquer });
  });
});

Deno.test("citar() e citarJson() encurtam o que é comprido e deixam à vista o que mandaria no terminal", () => {
  assertEquals(citar("a\nb"), '"a\\nb"');
  assertEquals(citar("x".repeat(40)), `"${"x".repeat(40)}"`);
  assertEquals(citar("x".repeat(41)), `"${"x".repeat(40)}…"`);
  // O corte pode partir um emoji ao meio: o que sobra continua a ser um texto.
  assert(
    citar("😀".repeat(30) + "x").isWellFormed() && citar("x" + "😀".repeat(30)).isWellFormed(),
  );
  assertEquals([citarJson(undefined), citarJson({ a: 1 }), citarJson("a")], [
    "nada",
    '{"a":1}',
    '"a"',
  ]);
  assert(citarJson("x".repeat(1_000)).length < 50);
});

Deno.test("textoDoErro() diz em palavras nossas os erros do sistema, e os outros como vêm", () => {
  assertEquals(textoDoErro(new Deno.errors.ConnectionRefused("os error 111")), "conexão recusada");
  assertEquals(textoDoErro(new Deno.errors.NotFound("os error 2")), "não existe");
  assertEquals(
    textoDoErro(new Error("invalid peer certificate: Expired: certificate expired")),
    "o certificado expirou",
  );
  assertEquals(textoDoErro(new Error("outra coisa\x1b[2J")), "outra coisa\\x1b[2J");
  assertEquals(textoDoErro("nem é um erro"), "nem é um erro");
});

Deno.test("textoDoErro() conhece os erros do fetch pelo número, em qualquer língua do sistema", () => {
  const textos: [string, string][] = [
    ["tcp connect error: Connection refused (os error 111)", "conexão recusada"],
    ["tcp connect error: Connection refused (os error 61)", "conexão recusada"],
    ["tcp connect error: Nenhuma conexão pôde ser feita (os error 10061)", "conexão recusada"],
    ["connection error: Connection reset by peer (os error 104)", "conexão derrubada"],
    ["connection closed before message completed", "conexão derrubada"],
    ["tcp connect error: No route to host (os error 113)", "não há caminho até lá"],
    ["dns error: failed to lookup address information", "este nome não foi achado na rede"],
    ["tcp connect error: outro (os error 1110)", "tcp connect error: outro (os error 1110)"],
  ];
  for (const [texto, palavras] of textos) assertEquals(textoDoErro(new TypeError(texto)), palavras);
});

Deno.test("textoDaDuracao() usa a maior unidade em que são pelo menos duas", () => {
  const segundos = [0, 12, 119, 120, 7_199, 7_200, 172_799, 172_800, 10 * 86_400];
  assertEquals(segundos.map(textoDaDuracao), [
    "0 s",
    "12 s",
    "119 s",
    "2 min",
    "119 min",
    "2 h",
    "47 h",
    "2 dias",
    "10 dias",
  ]);
});

Deno.test("bytesEmUtf8() conta bytes, e não caracteres", () => {
  assertEquals(["", "a", "é", "€", "😀", "a😀"].map(bytesEmUtf8), [0, 1, 2, 3, 4, 5]);
});
