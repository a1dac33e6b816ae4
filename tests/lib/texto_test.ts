import { assert, assertEquals } from "@std/assert";
import {
  bytesEmUtf8,
  citar,
  citarJson,
  jsonVisivel,
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

Deno.test("bytesEmUtf8() conta bytes, e não caracteres", () => {
  assertEquals(["", "a", "é", "€", "😀", "a😀"].map(bytesEmUtf8), [0, 1, 2, 3, 4, 5]);
});
