/**
 * Os rótulos: para o de cada traço, o lugar em que menos toca nos outros.
 *
 * `montar()`, em quadro.ts, chama {@linkcode rotular} e abre espaço entre os traços que ainda se
 * tocam, até não haver nenhum.
 *
 * @module
 */

import { dizeres, larguraDe, type Parte } from "./dizeres.ts";
import { RECUSA } from "./familias.ts";
import type { Papel } from "./papel.ts";
import type { Traco } from "./tracos.ts";

/** Um texto ao longo de uma seta; uma seta pode ter dois, um de cada lado. */
export interface Texto {
  readonly partes: readonly Parte[];
  readonly largura: number;
  /** O centro, e a inclinação em radianos. */
  readonly x: number;
  readonly y: number;
  readonly angulo: number;
  /** Pixels a mais acima e abaixo: os da moldura, se tem uma. */
  readonly folga: number;
  /** Pontos ao longo do seu meio. */
  readonly espinha: readonly [number, number][];
}

/** Distância do centro de um texto à sua seta, e a que dois textos, ou um texto e outra seta, se tocam. */
const AFASTAMENTO = 8.5;
const TOQUE = { texto: 12, seta: 6.5 } as const;

/** O que pesa na escolha de um lugar: tocar noutro texto, noutra seta, e atravessar a linha de um processo. */
const PESO = { texto: 100, seta: 40, linha: 8 } as const;

/** Para cada traço o melhor lugar do seu rótulo; e os pares de traços que ainda se tocam, com o seu peso. */
export function rotular(tracos: readonly Traco[], papel: Papel) {
  const lugares = tracos.map((traco) => candidatos(traco, papel));
  const rotulos: (readonly Texto[])[] = tracos.map(() => []);
  let toques: [Traco, Traco][] = [];
  let custo = 0;
  // A segunda volta muda os que o lugar escolhido depois por outros tornou ruins.
  for (let volta = 0; volta < 2; volta++) {
    [toques, custo] = [[], 0];
    tracos.forEach((traco, n) => {
      let melhor = { textos: [] as readonly Texto[], total: Infinity, tocados: [] as Traco[] };
      for (const { textos, peso } of lugares[n]!) {
        if (peso >= melhor.total) continue;
        const pesos = tracos.map((outro, m) => n === m ? 0 : tocar(textos, outro, rotulos[m]!));
        const total = pesos.reduce((a, b) => a + b, peso);
        if (total >= melhor.total) continue;
        melhor = { textos, total, tocados: tracos.filter((_, m) => pesos[m]! > 0) };
      }
      rotulos[n] = melhor.textos;
      custo += melhor.total;
      toques.push(...melhor.tocados.map((outro): [Traco, Traco] => [traco, outro]));
    });
  }
  return { rotulos, toques, custo };
}

/** O peso de um rótulo tocar numa seta ou, o que é pior, no rótulo dela. */
function tocar(textos: readonly Texto[], outro: Traco, rotulo: readonly Texto[]): number {
  if (textos.some((a) => rotulo.some((b) => tocaTexto(a, b)))) return PESO.texto;
  return textos.some((texto) => tocaSeta(texto, outro)) ? PESO.seta : 0;
}

/** Um lugar possível de um rótulo. */
interface Lugar {
  readonly textos: readonly Texto[];
  readonly peso: number;
}

/** Os lugares possíveis do rótulo de um traço, do melhor ao pior. */
function candidatos(traco: Traco, papel: Papel): Lugar[] {
  const { seta } = traco;
  const partes = dizeres(seta.mensagem, papel.passo).filter((parte) => parte !== undefined);
  if (seta.saida === undefined || seta.chegada === undefined) return [naPonta(traco, partes)];
  const lugares: Lugar[] = [];
  const [tipo, resto] = partes;
  if (tipo && resto) {
    // O tipo de um lado e o resto do outro: para o que não cabe, e para o que se destaca.
    const maior = Math.max(larguraDe([tipo]), larguraDe([resto]));
    for (const { x, peso } of centros(traco, maior, papel)) {
      const textos = [aoLongo(traco, [tipo], x, -1), aoLongo(traco, [resto], x, 1)];
      lugares.push({ textos, peso: peso + 2 });
    }
  }
  if (lugares.length === 0 || seta.mensagem.tipo !== RECUSA) {
    for (const { x, peso } of centros(traco, larguraDe(partes), papel)) {
      lugares.push({ textos: [aoLongo(traco, partes, x, -1)], peso });
      lugares.push({ textos: [aoLongo(traco, partes, x, 1)], peso: peso + 1.5 });
    }
  }
  const linhas = [...papel.colunas.values()];
  const cruza = ({ x, largura }: Texto, linha: number) => Math.abs(linha - x) < largura / 2 + 4;
  return lugares.map(({ textos, peso }) => ({
    textos,
    peso: peso + PESO.linha *
        linhas.filter((linha) => textos.some((texto) => cruza(texto, linha))).length,
  })).sort((a, b) => a.peso - b.peso);
}

/** Onde centrar um texto: em cada vão que a seta atravessa, de preferência no do remetente e no meio. */
function* centros({ x1, x2 }: Traco, largura: number, { passo }: Papel) {
  const sentido = Math.sign(x2 - x1);
  const vaos = Math.max(1, Math.round(Math.abs(x2 - x1) / passo));
  const sobra = (passo - largura) / 2 - 12;
  for (let vao = 0; vao < vaos; vao++) {
    const meio = x1 + sentido * (vao + 0.5) * passo;
    yield { x: meio, peso: 2 * vao };
    if (sobra < 8) continue;
    yield { x: meio - sentido * sobra, peso: 2 * vao + 1 };
    yield { x: meio + sentido * sobra, peso: 2 * vao + 1.2 };
  }
}

/** Um texto acima (-1) ou abaixo (1) da seta, inclinado como ela. */
function aoLongo(traco: Traco, partes: readonly Parte[], meio: number, lado: -1 | 1): Texto {
  const { seta, x1, y1, x2, y2 } = traco;
  const folga = seta.mensagem.tipo === RECUSA ? 3 : 0;
  const angulo = x1 === x2 ? 0 : Math.atan((y2 - y1) / (x2 - x1));
  const longe = lado * (AFASTAMENTO + folga);
  return comEspinha({
    partes,
    largura: larguraDe(partes),
    x: meio - longe * Math.sin(angulo),
    y: y1 + (meio - x1) * Math.tan(angulo) + longe * Math.cos(angulo),
    angulo,
    folga,
  });
}

/** O texto de uma seta sem par: ao lado da ponta solta. */
function naPonta({ seta, x1, y1, x2, y2 }: Traco, partes: readonly Parte[]): Lugar {
  const largura = larguraDe(partes);
  const [x, y, fora] = seta.chegada === undefined ? [x2, y2, x2 - x1] : [x1, y1, x1 - x2];
  const meio = x + Math.sign(fora) * (largura / 2 + 7);
  return { textos: [comEspinha({ partes, largura, x: meio, y, angulo: 0, folga: 0 })], peso: 0 };
}

/** Junta a um texto os pontos ao longo do seu meio, para se saber do que está perto. */
function comEspinha(texto: Omit<Texto, "espinha">): Texto {
  const { x, y, largura, angulo } = texto;
  const quantos = Math.max(2, Math.ceil(largura / 8));
  const espinha = Array.from({ length: quantos + 1 }, (_, n): [number, number] => {
    const d = (n / quantos - 0.5) * largura;
    return [x + d * Math.cos(angulo), y + d * Math.sin(angulo)];
  });
  return { ...texto, espinha };
}

function tocaTexto(a: Texto, b: Texto): boolean {
  const perto = TOQUE.texto + a.folga + b.folga;
  const alcance = (a.largura + b.largura) / 2 + perto;
  if (Math.abs(a.x - b.x) > alcance || Math.abs(a.y - b.y) > alcance) return false;
  return a.espinha.some(([x, y]) =>
    b.espinha.some(([u, v]) => (x - u) ** 2 + (y - v) ** 2 < perto ** 2)
  );
}

function tocaSeta({ espinha, largura, y: meio, folga }: Texto, { x1, y1, x2, y2 }: Traco): boolean {
  const perto = TOQUE.seta + folga;
  const alcance = largura / 2 + perto;
  if (meio + alcance < y1 || meio - alcance > y2) return false;
  const [dx, dy] = [x2 - x1, y2 - y1];
  return espinha.some(([x, y]) => {
    const t = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
    return (x - x1 - t * dx) ** 2 + (y - y1 - t * dy) ** 2 < perto ** 2;
  });
}
