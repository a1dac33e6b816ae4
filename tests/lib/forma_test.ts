import { assertEquals, assertThrows } from "@std/assert";
import { inteiro, lista, objeto, opcional, simOuNao, texto, umDe } from "../../lib/forma.ts";

const ler = objeto({
  nome: texto(3),
  cor: umDe("azul", ""),
  vezes: opcional(inteiro, 1),
  aberto: simOuNao,
  filhos: lista(objeto({ nome: texto(3) }), 2),
});
const BOM = {
  nome: "abc",
  cor: "",
  vezes: 0,
  aberto: false,
  filhos: [{ nome: "" }, { nome: "x" }],
};

Deno.test("objeto() lê os campos que conhece, e deixa os outros", () => {
  assertEquals(ler(BOM, "isto"), BOM);
  const { vezes: _, ...semVezes } = BOM;
  assertEquals(ler({ ...semVezes, outro: 1 }, "isto"), { ...BOM, vezes: 1 });
  const deJson = JSON.parse('{"nome":"a","cor":"azul","aberto":true,"filhos":[],"__proto__":{}}');
  assertEquals(Object.keys(ler(deJson, "isto")), ["nome", "cor", "vezes", "aberto", "filhos"]);
});

Deno.test("objeto() recusa cada campo que não tem a forma, e diz qual e o que veio", () => {
  const maus: [unknown, string][] = [
    [null, "isto devia ser um objeto: null"],
    [[BOM], "isto devia ser um objeto: ["],
    ["x", 'isto devia ser um objeto: "x"'],
    [{}, "nome devia ser um texto de até 3 caracteres: nada"],
    [{ ...BOM, nome: "abcd" }, 'nome devia ser um texto de até 3 caracteres: "abcd"'],
    [{ ...BOM, nome: 1 }, "nome devia ser um texto de até 3 caracteres: 1"],
    [{ ...BOM, cor: "verde" }, 'cor devia ser um de "azul", "": "verde"'],
    [{ ...BOM, vezes: -1 }, "vezes devia ser um inteiro de 0 ou mais: -1"],
    [{ ...BOM, vezes: 1.5 }, "vezes devia ser um inteiro de 0 ou mais: 1.5"],
    [{ ...BOM, vezes: 2 ** 53 }, "vezes devia ser um inteiro de 0 ou mais: 9007199254740992"],
    [{ ...BOM, vezes: "1" }, 'vezes devia ser um inteiro de 0 ou mais: "1"'],
    [{ ...BOM, vezes: null }, "vezes devia ser um inteiro de 0 ou mais: null"],
    [{ ...BOM, aberto: 0 }, "aberto devia ser true ou false: 0"],
    [{ ...BOM, filhos: {} }, "filhos devia ser uma lista de até 2 itens: {}"],
    [{ ...BOM, filhos: [1, 2, 3] }, "filhos devia ser uma lista de até 2 itens: [1,2,3]"],
    [{ ...BOM, filhos: [{ nome: "" }, 7] }, "filhos[1] devia ser um objeto: 7"],
  ];
  for (const [mau, motivo] of maus) assertThrows(() => ler(mau, "isto"), TypeError, motivo);
});

Deno.test("objeto() não toma por campo o que o valor herda", () => {
  assertThrows(() => objeto({ toString: texto(9) })({}, "isto"), TypeError, "nada");
});
